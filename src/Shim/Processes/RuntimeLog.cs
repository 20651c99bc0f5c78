using System.Text.Json;

namespace AotRuntime.Shim.Processes;

/// <summary>The runtime's <c>--log</c>: one JSON object a line, of which the last error says why a command failed.</summary>
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
        while (!text.IsEmpty)
        {
            int end = text.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? text : text[..end];
            text = end < 0 ? default : text[(end + 1)..];
            if (ErrorOf(line) is { } message)
                error = message;
        }
        return error;
    }

    // A line that is no JSON (a crash's trace, the tail of a cut one) says nothing about the rest.
    private static string? ErrorOf(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        try
        {
            if (!JsonDocument.TryParseValue(ref reader, out JsonDocument? document))
                return null;
            using (document)
            {
                JsonElement root = document.RootElement;
                return root.ValueKind == JsonValueKind.Object
                    && root.TryGetProperty("level", out JsonElement level) && level.ValueEquals("error")
                    && root.TryGetProperty("msg", out JsonElement message)
                    ? message.GetString()?.Trim()
                    : null;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
