using System.Text;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Systemd;

/// <summary>An error that the other side answered with.</summary>
internal sealed class DBusError(string name, string message) : RuncException(message)
{
    /// <summary>As org.freedesktop.systemd1.UnitExists.</summary>
    public string Name { get; } = name;
}

/// <summary>A connection to a bus, or to systemd itself: calls one after the other, and keeps the signals that come between.</summary>
internal sealed class DBusConnection : IDisposable
{
    private const int MSG_NOSIGNAL = 0x4000;
    private const int SOCK_STREAM = 1;
    private const int AF_UNIX = 1;
    private const int CallMilliseconds = 30_000;
    private readonly SafeFileHandle _socket;
    private readonly byte[] _buffer = new byte[4096];
    private readonly List<byte> _received = [];
    // Signals that came while an answer was waited for.
    private readonly Queue<DBusMessage> _signals = new();
    private uint _serial;

    private DBusConnection(SafeFileHandle socket) => _socket = socket;

    /// <summary>Connects to the first address of a list that takes a connection (D-Bus specification, "Server Addresses"); unix sockets only.</summary>
    /// <exception cref="LinuxException">None does.</exception>
    /// <exception cref="RuncException">None is of a kind that is known, or we are not let in.</exception>
    public static DBusConnection Open(string addresses)
    {
        Errno why = Errno.None;
        foreach (byte[] name in SocketNames(addresses))
        {
            SafeFileHandle socket = Sys.Socket(AF_UNIX, SOCK_STREAM, 0);
            why = Sys.TryConnect(socket, [AF_UNIX, 0, .. name]);
            if (why != Errno.None)
            {
                socket.Dispose();
                continue;
            }
            var connection = new DBusConnection(socket);
            try
            {
                connection.Authenticate();
                return connection;
            }
            catch (Exception)
            {
                connection.Dispose();
                throw;
            }
        }
        throw why != Errno.None ? new LinuxException("connect", addresses, why) : new RuncException($"no D-Bus address is of a known kind: {addresses}");
    }

    /// <summary>Calls a method, and waits for its answer.</summary>
    /// <exception cref="DBusError">It answered with an error.</exception>
    public List<DBusValue> Call(string destination, string path, string @interface, string member, params ReadOnlySpan<DBusValue> arguments)
    {
        uint serial = ++_serial;
        Send(DBusMessage.Call(serial, destination, path, @interface, member, arguments).ToArray());
        long end = Environment.TickCount64 + CallMilliseconds;
        while (true)
        {
            DBusMessage message = Next(end) ?? throw new RuncException($"timeout waiting for the answer to {member}");
            if (message.Type == DBusMessageType.Signal)
                _signals.Enqueue(message);
            if (message.ReplySerial != serial)
                continue;
            List<DBusValue> body = message.Body();
            if (message.Type == DBusMessageType.Return)
                return body;
            throw new DBusError(message.ErrorName, body is [{ Text: { } text }, ..] ? text : message.ErrorName);
        }
    }

    /// <summary>The next signal; null where none has come by then.</summary>
    /// <param name="end">When to stop waiting, as <see cref="Environment.TickCount64"/> counts.</param>
    public DBusMessage? NextSignal(long end)
    {
        if (_signals.TryDequeue(out DBusMessage? kept))
            return kept;
        while (Next(end) is { } message)
        {
            if (message.Type == DBusMessageType.Signal)
                return message;
        }
        return null;
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>The socket names, as the kernel has them after the family, of the unix addresses of a list.</summary>
    internal static List<byte[]> SocketNames(string addresses)
    {
        var names = new List<byte[]>();
        foreach (string address in addresses.Split(';'))
        {
            if (!address.StartsWith("unix:", StringComparison.Ordinal))
                continue;
            foreach (string pair in address[5..].Split(','))
            {
                // An abstract name begins with NUL and does not end with one (man 7 unix).
                byte[]? name = pair.StartsWith("path=", StringComparison.Ordinal) ? [.. Unescape(pair[5..]), 0]
                    : pair.StartsWith("abstract=", StringComparison.Ordinal) ? [0, .. Unescape(pair[9..])] : null;
                if (name is { Length: > 1 and <= Sys.UnixPathMax + 1 })
                    names.Add(name);
            }
        }
        return names;
    }

    // "%" and two hexadecimal digits for a byte.
    private static List<byte> Unescape(string text)
    {
        var bytes = new List<byte>();
        byte[] raw = Encoding.UTF8.GetBytes(text);
        for (int i = 0; i < raw.Length; i++)
        {
            if (raw[i] == (byte)'%' && i + 2 < raw.Length && byte.TryParse(raw.AsSpan(i + 1, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out byte one))
            {
                bytes.Add(one);
                i += 2;
            }
            else
            {
                bytes.Add(raw[i]);
            }
        }
        return bytes;
    }

    /// <summary>
    /// EXTERNAL: the other side asks the kernel who we are. We do not say it ourselves, since in a user namespace we do not know our number there
    /// ("If the client sends an empty string, the server should use the identity from the credentials"). All is sent at once: systemd does not
    /// look at a message that it has read together with BEGIN until the next one comes.
    /// </summary>
    private void Authenticate()
    {
        long end = Environment.TickCount64 + CallMilliseconds;
        Send("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"u8);
        // An older systemd is content with the first line, and says so twice.
        string first = Line(end), second = first.StartsWith("DATA", StringComparison.Ordinal) || first.StartsWith("OK ", StringComparison.Ordinal) ? Line(end) : first;
        if (!second.StartsWith("OK ", StringComparison.Ordinal))
            throw new RuncException($"D-Bus authentication failed: {second}");
    }

    private string Line(long end)
    {
        int length;
        while ((length = _received.IndexOf((byte)'\n')) < 0)
        {
            if (_received.Count > 1024 || !Receive(end))
                throw new RuncException("D-Bus authentication failed: no answer");
        }
        string line = Encoding.ASCII.GetString(_received.GetRange(0, length).ToArray()).TrimEnd('\r');
        _received.RemoveRange(0, length + 1);
        return line;
    }

    private DBusMessage? Next(long end)
    {
        if (!Fill(DBusMessage.PrefixLength, end))
            return null;
        int length = DBusMessage.LengthOf([.. _received.GetRange(0, DBusMessage.PrefixLength)]);
        if (!Fill(length, end))
            return null;
        DBusMessage message = DBusMessage.Parse([.. _received.GetRange(0, length)]);
        _received.RemoveRange(0, length);
        return message;
    }

    private bool Fill(int count, long end)
    {
        while (_received.Count < count)
        {
            if (!Receive(end))
                return false;
        }
        return true;
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes[Sys.Send(_socket, bytes, MSG_NOSIGNAL)..];
    }

    // False where nothing came in time.
    private bool Receive(long end)
    {
        int left = (int)Math.Max(0, end - Environment.TickCount64);
        if (Sys.Poll(_socket, EpollEvents.In, left) == EpollEvents.None)
            return false;
        int count = Sys.Receive(_socket, _buffer, 0);
        if (count == 0)
            throw new RuncException("D-Bus connection closed");
        _received.AddRange(_buffer.AsSpan(0, count));
        return true;
    }
}
