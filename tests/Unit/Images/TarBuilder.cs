using System.Text;

namespace AotRuntime.Tests.Unit.Images;

/// <summary>Writes tars header by header, right or wrong.</summary>
internal sealed class TarBuilder
{
    private readonly MemoryStream _out = new();

    public TarBuilder Entry(
        string name, string data = "", char type = '0', string link = "", int mode = 0x1a4, long uid = 0, long gid = 0, long? size = null, long mtime = 1_700_000_000,
        string magic = "ustar\000", int major = 0, int minor = 0, Action<byte[]>? edit = null)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(data);
        byte[] header = new byte[512];
        Put(header, 0, name);
        Put(header, 100, Octal(mode, 7));
        Put(header, 108, Octal(uid, 7));
        Put(header, 116, Octal(gid, 7));
        Put(header, 124, Octal(size ?? bytes.Length, 11));
        Put(header, 136, Octal(mtime, 11));
        header[156] = (byte)type;
        Put(header, 157, link);
        Put(header, 257, magic);
        Put(header, 329, Octal(major, 7));
        Put(header, 337, Octal(minor, 7));
        edit?.Invoke(header);
        header.AsSpan(148, 8).Fill((byte)' ');
        Put(header, 148, Octal(header.Sum(b => b), 6) + "\0 ");
        _out.Write(header);
        return Raw(bytes);
    }

    public TarBuilder Pax(params (string Key, string Value)[] records)
    {
        MemoryStream payload = new();
        foreach ((string key, string value) in records)
        {
            byte[] rest = Encoding.Latin1.GetBytes($" {key}={value}\n");
            int length = rest.Length + 1;
            while (length != rest.Length + length.ToString().Length)
                length = rest.Length + length.ToString().Length;
            payload.Write(Encoding.ASCII.GetBytes(length.ToString()));
            payload.Write(rest);
        }
        string text = Encoding.Latin1.GetString(payload.ToArray());
        Entry("pax", "", 'x', size: payload.Length);
        return Raw(Encoding.Latin1.GetBytes(text));
    }

    /// <summary>Data, padded to whole blocks.</summary>
    public TarBuilder Raw(byte[] bytes)
    {
        _out.Write(bytes);
        _out.Write(new byte[-bytes.Length & 511]);
        return this;
    }

    public byte[] End()
    {
        _out.Write(new byte[1024]);
        return _out.ToArray();
    }

    public byte[] WithoutEnd() => _out.ToArray();

    private static string Octal(long value, int digits) => Convert.ToString(value, 8).PadLeft(digits, '0');

    private static void Put(byte[] header, int at, string text) => Encoding.Latin1.GetBytes(text).CopyTo(header, at);
}
