using System.Text.Json;

namespace AotRuntime.Shim.Processes;

/// <summary>The runtime's <c>--log</c>: JSON objects one after another, of which the last error says why a command failed.</summary>
internal static class RuntimeLog
{
    /// <summary>The most that is read, from the end.</summary>
    private const int MaxLength = 1 << 20;

    /// <summary>How long the log is now.</summary>
    public static long Length(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;

    /// <summary>The last error after <paramref name="start"/>; empty where there is none.</summary>
    /// <exception cref="IOException">The log can't be read.</exception>
    public static string LastError(string path, long start)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Seek(Math.Max(Math.Min(start, file.Length), file.Length - MaxLength), SeekOrigin.Begin);
        byte[] bytes = new byte[file.Length - file.Position];
        int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return LastError(bytes.AsSpan(0, length));
    }

    /// <summary>The last error of a log's text.</summary>
    internal static string LastError(ReadOnlySpan<byte> text)
    {
        string error = "";
        while (!(text = text.TrimStart(" \t\r\n"u8)).IsEmpty)
        {
            // An object may be spread over several lines (crun 1.2x writes it so).
            (int length, string? message) = ReadEntry(text);
            error = message ?? error;
            text = text[length..];
        }
        return error;
    }

    /// <summary>The length of the entry that the text begins with, and its message where it is an error.</summary>
    private static (int Length, string? Error) ReadEntry(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text);
        try
        {
            if (JsonDocument.TryParseValue(ref reader, out JsonDocument? document))
            {
                using (document)
                    return ((int)reader.BytesConsumed, ErrorOf(document.RootElement));
            }
        }
        catch (JsonException)
        {
            // A crash's trace, or the tail of a line that was cut, says nothing about the rest.
        }
        int end = text.IndexOf((byte)'\n');
        return (end < 0 ? text.Length : end + 1, null);
    }

    private static string? ErrorOf(JsonElement entry) =>
        entry.ValueKind == JsonValueKind.Object
        && entry.TryGetProperty("level", out JsonElement level) && level.ValueKind == JsonValueKind.String && level.ValueEquals("error")
        && entry.TryGetProperty("msg", out JsonElement message) && message.ValueKind == JsonValueKind.String
            ? message.GetString()!.Trim()
            : null;
}
