using System.Collections;

namespace AotRuntime.Http;

/// <summary>Fields in the order of arrival; names compare without case (RFC 9110 §5.1).</summary>
public sealed class HttpHeaders : IEnumerable<KeyValuePair<string, string>>
{
    private readonly List<KeyValuePair<string, string>> _fields = [];

    /// <summary>How many field lines there are.</summary>
    public int Count => _fields.Count;

    /// <summary>The first value of <paramref name="name"/>, or null. Setting replaces all; null removes.</summary>
    public string? this[string name]
    {
        get
        {
            foreach (KeyValuePair<string, string> field in _fields)
            {
                if (string.Equals(field.Key, name, StringComparison.OrdinalIgnoreCase))
                    return field.Value;
            }
            return null;
        }
        set
        {
            Remove(name);
            if (value is not null)
                Add(name, value);
        }
    }

    /// <summary>Appends a field line.</summary>
    public void Add(string name, string value) => _fields.Add(new(name, value));

    /// <summary>Removes every line of <paramref name="name"/>.</summary>
    public bool Remove(string name) =>
        _fields.RemoveAll(f => string.Equals(f.Key, name, StringComparison.OrdinalIgnoreCase)) > 0;

    /// <summary>All values of <paramref name="name"/>, one per line.</summary>
    public IEnumerable<string> GetValues(string name)
    {
        foreach (KeyValuePair<string, string> field in _fields)
        {
            if (string.Equals(field.Key, name, StringComparison.OrdinalIgnoreCase))
                yield return field.Value;
        }
    }

    /// <summary>Removes all lines.</summary>
    public void Clear() => _fields.Clear();

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => _fields.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
