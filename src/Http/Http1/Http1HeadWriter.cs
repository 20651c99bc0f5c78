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

    /// <summary>
    /// A response's status and fields. Left out are those that the connection decides (Connection, Transfer-Encoding) and what may not be
    /// there: RFC 9110 §8.6, no content-length "in any response with a status code of … 204".
    /// </summary>
    public static ResponseHead WriteResponse(IBufferWriter<byte> output, int status, HttpHeaders fields)
    {
        // First, since it may be no number, and then nothing must have been written.
        string? length = status == 204 ? null : fields["Content-Length"];
        ResponseHead head = new(
            length is null ? -1 : long.Parse(length, NumberStyles.None, CultureInfo.InvariantCulture), fields.Contains("Date"), fields.ListContains("Connection", "close"));
        WriteStatusLine(output, status);
        for (int i = 0; i < fields.Count; i++)
        {
            string name = fields.NameAt(i);
            bool left = name.Length switch
            {
                10 => name.Equals("Connection", StringComparison.OrdinalIgnoreCase),
                14 => status == 204 && name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase),
                17 => name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase),
                _ => false,
            };
            if (!left)
                WriteField(output, name, fields.ValueAt(i));
        }
        return head;
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

    /// <summary>The Date field, made once a second; with the empty line after it where it is the <paramref name="last"/>.</summary>
    public static void WriteDate(IBufferWriter<byte> output, bool last)
    {
        long second = DateTime.UtcNow.Ticks / TimeSpan.TicksPerSecond;
        DateLine date = Volatile.Read(ref s_date);
        if (date.Second != second)
        {
            string text = new DateTime(second * TimeSpan.TicksPerSecond, DateTimeKind.Utc).ToString("R", CultureInfo.InvariantCulture);
            date = new DateLine(second, Encoding.ASCII.GetBytes($"Date: {text}\r\n\r\n"));
            Volatile.Write(ref s_date, date);
        }
        output.Write(last ? date.Line : date.Line.AsSpan(0, date.Line.Length - 2));
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
