using System.Buffers;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;

namespace AotRuntime.Dockerd.Logs;

/// <summary>One entry of a container's log.</summary>
/// <param name="Line">What was written, with its newline; without one where the line goes on in the next entry.</param>
/// <param name="Stream"><c>stdout</c> or <c>stderr</c>.</param>
/// <param name="Time">When, as the file has it.</param>
internal readonly record struct LogEntry(byte[] Line, string Stream, DateTimeOffset Time);

/// <summary>The json-file driver's format: <c>{"log":"hello\n","stream":"stdout","time":"2024-01-02T03:04:05.123456789Z"}</c>.</summary>
internal static class JsonLogLine
{
    /// <summary>Writes one entry and its newline.</summary>
    public static void Write(IBufferWriter<byte> output, ReadOnlySpan<byte> line, ReadOnlySpan<byte> stream, ReadOnlySpan<byte> time)
    {
        output.Write("{\"log\":\""u8);
        WriteEscaped(output, line);
        output.Write("\",\"stream\":\""u8);
        output.Write(stream);
        output.Write("\",\"time\":\""u8);
        output.Write(time);
        output.Write("\"}\n"u8);
    }

    /// <summary>Reads one entry without its newline; false for a damaged one.</summary>
    public static bool TryRead(ReadOnlySpan<byte> json, out LogEntry entry)
    {
        entry = default;
        byte[]? log = null;
        string stream = "";
        DateTimeOffset time = default;
        try
        {
            Utf8JsonReader reader = new(json);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("log"u8))
                {
                    reader.Read();
                    byte[] buffer = new byte[reader.ValueSpan.Length];
                    log = buffer[..reader.CopyString(buffer)];
                }
                else if (reader.ValueTextEquals("stream"u8))
                {
                    reader.Read();
                    stream = reader.ValueTextEquals("stdout"u8) ? "stdout" : reader.ValueTextEquals("stderr"u8) ? "stderr" : reader.GetString() ?? "";
                }
                else if (reader.ValueTextEquals("time"u8))
                {
                    reader.Read();
                    if (!Rfc3339.TryParse(reader.GetString() ?? "", out time))
                        return false;
                }
                else
                {
                    reader.Skip();
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
        if (log is null)
            return false;
        entry = new LogEntry(log, stream, time);
        return true;
    }

    /// <summary>
    /// Docker's escaping: the HTML characters and control characters as \u00XX, invalid UTF-8 as U+FFFD, U+2028 and U+2029 escaped.
    /// </summary>
    private static void WriteEscaped(IBufferWriter<byte> output, ReadOnlySpan<byte> text)
    {
        Span<byte> escape = stackalloc byte[6];
        int start = 0, i = 0;
        while (i < text.Length)
        {
            byte b = text[i];
            if (b is >= 0x20 and < 0x80 and not ((byte)'"' or (byte)'\\' or (byte)'<' or (byte)'>' or (byte)'&'))
            {
                i++;
                continue;
            }
            int consumed = 1;
            scoped ReadOnlySpan<byte> replacement;
            if (b < 0x80)
            {
                replacement = b switch
                {
                    (byte)'"' => "\\\""u8,
                    (byte)'\\' => "\\\\"u8,
                    (byte)'\n' => "\\n"u8,
                    (byte)'\r' => "\\r"u8,
                    _ => Hex(escape, b),
                };
            }
            else if (Rune.DecodeFromUtf8(text[i..], out Rune rune, out consumed) != OperationStatus.Done)
            {
                consumed = 1;
                replacement = "\\ufffd"u8;
            }
            else if (rune.Value is 0x2028 or 0x2029)
            {
                replacement = rune.Value == 0x2028 ? "\\u2028"u8 : "\\u2029"u8;
            }
            else
            {
                i += consumed;
                continue;
            }
            output.Write(text[start..i]);
            output.Write(replacement);
            i += consumed;
            start = i;
        }
        output.Write(text[start..]);
    }

    private static ReadOnlySpan<byte> Hex(Span<byte> buffer, byte value)
    {
        const string digits = "0123456789abcdef";
        "\\u00"u8.CopyTo(buffer);
        buffer[4] = (byte)digits[value >> 4];
        buffer[5] = (byte)digits[value & 15];
        return buffer;
    }
}
