using System.Buffers;
using System.Collections;
using System.Text;

namespace AotRuntime.Http;

/// <summary>Fields in the order of arrival; names compare without case (RFC 9110 §5.1).</summary>
/// <remarks>
/// Fields from the wire are kept as bytes, in one buffer that is used again for the connection's next message; strings are made of those
/// that somebody asks for.
/// </remarks>
public sealed class HttpHeaders : IEnumerable<KeyValuePair<string, string>>
{
    /// <summary>What no value may hold: it would end the line and begin another (RFC 9110 §5.5).</summary>
    private static readonly SearchValues<char> s_lineBreakers = SearchValues.Create("\r\n\0");

    private readonly bool _pooled;
    private Field[] _fields = [];
    private int _count;
    private byte[] _wire = [];
    private int _wireUsed;
    private bool _shared; // _fields is another object's, too

    /// <summary>Grows with each change, but not by what comes from the wire.</summary>
    internal int Version { get; private set; }

    private struct Field
    {
        /// <summary>Null while only the wire's bytes are there.</summary>
        public string? Name;
        public string? Value;
        public int Start;
        public int NameLength;
        public int ValueLength;
    }

    /// <summary>No fields yet.</summary>
    public HttpHeaders()
    {
    }

    /// <summary>With <paramref name="pooled"/>, memory is rented, and given back by <see cref="ReleaseMemory"/>.</summary>
    internal HttpHeaders(bool pooled) => _pooled = pooled;

    /// <summary>The same lines in an object of their own; for fields that came as strings and change no more: the memory is one until the copy changes.</summary>
    internal HttpHeaders Copy() => new() { _fields = _fields, _count = _count, _shared = true };

    /// <summary>How many field lines there are.</summary>
    public int Count => _count;

    /// <summary>The first value of <paramref name="name"/>, or null. Setting replaces all; null removes.</summary>
    public string? this[string name]
    {
        get
        {
            int i = IndexOf(name, 0);
            return i < 0 ? null : ValueAt(i);
        }
        set
        {
            int i = IndexOf(name, 0);
            if (i >= 0 && value is not null && IndexOf(name, i + 1) < 0)
            {
                Version++;
                Own();
                _fields[i] = new Field { Name = name, Value = Checked(value) };
                return;
            }
            if (i >= 0)
                Remove(name);
            if (value is not null)
                Add(name, value);
        }
    }

    /// <summary>Appends a field line.</summary>
    /// <exception cref="ArgumentException">The value holds a line break or NUL, or the name is empty.</exception>
    public void Add(string name, string value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Version++;
        Own();
        // What was here before Clear has been checked: a handler mostly sets the same strings each time.
        if (_count < _fields.Length && ReferenceEquals(_fields[_count].Name, name) && ReferenceEquals(_fields[_count].Value, value))
            _count++;
        else
            Append(name, Checked(value));
    }

    /// <summary>Whether there is such a field.</summary>
    public bool Contains(string name) => IndexOf(name, 0) >= 0;

    /// <summary>Removes every line of <paramref name="name"/>.</summary>
    public bool Remove(string name)
    {
        int kept = 0;
        Own();
        for (int i = 0; i < _count; i++)
        {
            if (!Matches(in _fields[i], name))
                _fields[kept++] = _fields[i];
        }
        bool removed = kept < _count;
        Version++;
        Array.Clear(_fields, kept, _count - kept);
        _count = kept;
        return removed;
    }

    /// <summary>All values of <paramref name="name"/>, one per line.</summary>
    public IEnumerable<string> GetValues(string name)
    {
        for (int i = IndexOf(name, 0); i >= 0; i = IndexOf(name, i + 1))
            yield return ValueAt(i);
    }

    /// <summary>Removes all lines. Their strings stay, for <see cref="Add"/> to know them again, until others take their places.</summary>
    public void Clear()
    {
        Version++;
        _count = 0;
        _wireUsed = 0;
    }

    /// <summary>Gives rented memory back; there must be no fields. For a connection that waits.</summary>
    internal void ReleaseMemory()
    {
        if (!_pooled)
            return;
        if (_fields.Length > 0)
            ArrayPool<Field>.Shared.Return(_fields, clearArray: true); // strings must not be kept alive from within the pool
        if (_wire.Length > 0)
            ArrayPool<byte>.Shared.Return(_wire);
        _fields = [];
        _wire = [];
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, string>> GetEnumerator()
    {
        for (int i = 0; i < _count; i++)
            yield return new(NameAt(i), ValueAt(i));
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Appends a field as it came from the wire; the caller has checked its characters.</summary>
    internal void AddWire(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        int size = name.Length + value.Length;
        if (_wire.Length - _wireUsed < size)
            Grow(ref _wire, _wireUsed, Math.Max(_wireUsed + size, Math.Max(256, _wire.Length * 2)));
        name.CopyTo(_wire.AsSpan(_wireUsed));
        value.CopyTo(_wire.AsSpan(_wireUsed + name.Length));
        Next() = new Field { Start = _wireUsed, NameLength = name.Length, ValueLength = value.Length };
        _wireUsed += size;
    }

    /// <summary>Appends to the last field's value, after a blank: the rest of a folded line.</summary>
    internal void AppendWire(ReadOnlySpan<byte> more)
    {
        if (_wire.Length - _wireUsed < more.Length + 1)
            Grow(ref _wire, _wireUsed, Math.Max(_wireUsed + more.Length + 1, Math.Max(256, _wire.Length * 2)));
        _wire[_wireUsed++] = (byte)' ';
        more.CopyTo(_wire.AsSpan(_wireUsed));
        _wireUsed += more.Length;
        ref Field field = ref _fields[_count - 1];
        field.ValueLength += more.Length + 1;
        field.Value = null;
    }

    /// <summary>Names and values alternately, for <see cref="IsSame"/>.</summary>
    internal string[] ToLines()
    {
        string[] lines = new string[_count * 2];
        for (int i = 0; i < _count; i++)
            (lines[i * 2], lines[(i * 2) + 1]) = (NameAt(i), ValueAt(i));
        return lines;
    }

    /// <summary>Whether these are the very strings of <paramref name="lines"/>. Equal ones that are others count as different: comparing would cost more.</summary>
    internal bool IsSame(string[] lines)
    {
        if (lines.Length != _count * 2)
            return false;
        ReadOnlySpan<Field> fields = _fields.AsSpan(0, _count);
        for (int i = 0; i < fields.Length; i++)
        {
            ref readonly Field field = ref fields[i];
            if (!ReferenceEquals(field.Name, lines[i * 2]) || !ReferenceEquals(field.Value, lines[(i * 2) + 1]))
                return false;
        }
        return true;
    }

    /// <summary>The name of line <paramref name="index"/>.</summary>
    internal string NameAt(int index)
    {
        ref Field field = ref _fields[index];
        return field.Name ??= HttpFieldNames.Get(_wire.AsSpan(field.Start, field.NameLength));
    }

    /// <summary>The value of line <paramref name="index"/>.</summary>
    internal string ValueAt(int index)
    {
        ref Field field = ref _fields[index];
        return field.Value ??= Encoding.Latin1.GetString(_wire, field.Start + field.NameLength, field.ValueLength);
    }

    /// <summary>Whether a comma-separated field of this name lists <paramref name="token"/>, without case.</summary>
    internal bool ListContains(string name, string token)
    {
        for (int i = IndexOf(name, 0); i >= 0; i = IndexOf(name, i + 1))
        {
            ReadOnlySpan<char> value = ValueAt(i);
            foreach (Range part in value.Split(','))
            {
                if (value[part].Trim().Equals(token, StringComparison.OrdinalIgnoreCase))
                    return true;
            }
        }
        return false;
    }

    private int IndexOf(string name, int from)
    {
        for (int i = from; i < _count; i++)
        {
            if (Matches(in _fields[i], name))
                return i;
        }
        return -1;
    }

    private bool Matches(in Field field, string name) => field.Name is { } known
        ? known.Length == name.Length && (ReferenceEquals(known, name) || known.Equals(name, StringComparison.OrdinalIgnoreCase))
        : field.NameLength == name.Length && Ascii.EqualsIgnoreCase(_wire.AsSpan(field.Start, field.NameLength), name);

    private void Own()
    {
        if (!_shared)
            return;
        _fields = _fields.AsSpan(0, _count).ToArray();
        _shared = false;
    }

    private void Append(string name, string value) => Next() = new Field { Name = name, Value = value };

    private ref Field Next()
    {
        if (_count == _fields.Length)
            Grow(ref _fields, _count, Math.Max(8, _count * 2));
        return ref _fields[_count++];
    }

    private void Grow<T>(ref T[] array, int used, int length)
    {
        if (!_pooled)
        {
            Array.Resize(ref array, length);
            return;
        }
        T[] larger = ArrayPool<T>.Shared.Rent(length);
        array.AsSpan(0, used).CopyTo(larger);
        if (array.Length > 0)
        {
            // Strings must not be kept alive from within the pool.
            Array.Clear(array, 0, used);
            ArrayPool<T>.Shared.Return(array);
        }
        array = larger;
    }

    private static string Checked(string value) => value.AsSpan().IndexOfAny(s_lineBreakers) < 0
        ? value
        : throw new ArgumentException("A field's value may not hold a line break or NUL.", nameof(value));
}

/// <summary>The names that nearly every message uses, so that they need not be made again each time.</summary>
internal static class HttpFieldNames
{
    private static readonly string[] s_known =
    [
        "Host", "host", "Accept", "accept", "Connection", "connection", "Content-Length", "content-length", "Content-Type", "content-type",
        "Transfer-Encoding", "transfer-encoding", "User-Agent", "user-agent", "Accept-Encoding", "accept-encoding", "Upgrade", "upgrade",
        "Expect", "expect", "Authorization", "authorization", "X-Registry-Auth", "x-registry-auth", "X-Registry-Config", "Date", "date",
        "Server", "server", "Api-Version", "Docker-Experimental", "Ostype", "Location", "location", "Range", "range", "Content-Range",
        "Etag", "ETag", "etag", "Docker-Content-Digest", "docker-content-digest", "Docker-Distribution-Api-Version", "Www-Authenticate",
        "WWW-Authenticate", "www-authenticate", "te", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "grpc-status", "grpc-message",
        "containerd-namespace", "Keep-Alive", "Cache-Control", "Trailer", "X-Docker-Container-Path-Stat",
        "Builder-Version", "Pragma", "Swarm",
    ];

    private static readonly string[][] s_byLength = ByLength();

    public static string Get(ReadOnlySpan<byte> name)
    {
        if (name.Length < s_byLength.Length)
        {
            foreach (string known in s_byLength[name.Length])
            {
                if (Ascii.Equals(name, known))
                    return known;
            }
        }
        return Encoding.Latin1.GetString(name);
    }

    /// <summary>The name in lower case; made once for each name that servers use.</summary>
    public static string Lower(string name)
    {
        if (!name.AsSpan().ContainsAnyInRange('A', 'Z'))
            return name;
        return Lowered.Names.TryGetValue(name, out string? lower) ? lower : name.ToLowerInvariant();
    }

    /// <summary>Apart, for HTTP/2 alone needs it.</summary>
    private static class Lowered
    {
        public static readonly Dictionary<string, string> Names = s_known.ToDictionary(static n => n, static n => n.ToLowerInvariant(), StringComparer.Ordinal);
    }

    private static string[][] ByLength()
    {
        int longest = 0;
        foreach (string name in s_known)
            longest = Math.Max(longest, name.Length);
        string[][] table = new string[longest + 1][];
        for (int length = 0; length <= longest; length++)
            table[length] = Array.FindAll(s_known, n => n.Length == length);
        return table;
    }
}
