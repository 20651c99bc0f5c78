using System.Buffers;
using System.Globalization;
using System.Text;

namespace AotRuntime.Http;

/// <summary>Writes start lines and fields.</summary>
internal static class Http1HeadWriter
{
    private static readonly byte[][] s_statusLines = StatusLines();

    private static DateLine s_date = new(0, []);

    private sealed record DateLine(long Second, byte[] Line);

    public static void WriteStatusLine(IBufferWriter<byte> output, int status)
    {
        if (status >= s_statusLines.Length || s_statusLines[status] is not { } line)
            line = StatusLine(status);
        output.Write(line);
    }

    public static void WriteRequestLine(IBufferWriter<byte> output, string method, string target)
    {
        Write(output, method);
        output.Write(" "u8);
        Write(output, target);
        output.Write(" HTTP/1.1\r\n"u8);
    }

    public static void WriteFields(IBufferWriter<byte> output, HttpHeaders fields)
    {
        for (int i = 0; i < fields.Count; i++)
            WriteField(output, fields.NameAt(i), fields.ValueAt(i));
    }

    public static void WriteField(IBufferWriter<byte> output, string name, string value)
    {
        Span<byte> line = output.GetSpan(name.Length + value.Length + 4);
        int used = Encoding.Latin1.GetBytes(name, line);
        line[used++] = (byte)':';
        line[used++] = (byte)' ';
        used += Encoding.Latin1.GetBytes(value, line[used..]);
        line[used++] = (byte)'\r';
        line[used++] = (byte)'\n';
        output.Advance(used);
    }

    public static void WriteContentLength(IBufferWriter<byte> output, long length)
    {
        ReadOnlySpan<byte> name = "Content-Length: "u8;
        Span<byte> line = output.GetSpan(name.Length + 22);
        name.CopyTo(line);
        length.TryFormat(line[name.Length..], out int digits, default, CultureInfo.InvariantCulture);
        line[name.Length + digits] = (byte)'\r';
        line[name.Length + digits + 1] = (byte)'\n';
        output.Advance(name.Length + digits + 2);
    }

    /// <summary>The Date field, made once a second.</summary>
    public static void WriteDate(IBufferWriter<byte> output)
    {
        long second = DateTime.UtcNow.Ticks / TimeSpan.TicksPerSecond;
        DateLine date = Volatile.Read(ref s_date);
        if (date.Second != second)
        {
            string text = new DateTime(second * TimeSpan.TicksPerSecond, DateTimeKind.Utc).ToString("R", CultureInfo.InvariantCulture);
            date = new DateLine(second, Encoding.ASCII.GetBytes($"Date: {text}\r\n"));
            Volatile.Write(ref s_date, date);
        }
        output.Write(date.Line);
    }

    private static void Write(IBufferWriter<byte> output, string text)
    {
        Span<byte> span = output.GetSpan(text.Length);
        output.Advance(Encoding.Latin1.GetBytes(text, span));
    }

    private static byte[] StatusLine(int status) => Encoding.ASCII.GetBytes($"HTTP/1.1 {status} {HttpStatus.ReasonPhrase(status)}\r\n");

    private static byte[][] StatusLines()
    {
        byte[][] lines = new byte[600][];
        foreach (int status in (ReadOnlySpan<int>)[200, 201, 204, 304, 400, 404, 409, 500])
            lines[status] = StatusLine(status);
        return lines;
    }
}
