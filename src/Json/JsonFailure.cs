using System.Text;
using System.Text.Json;

namespace AotRuntime.Json;

/// <summary>A value of another kind than its type has.</summary>
internal sealed class JsonMismatchException(string expected) : JsonException($"The JSON value could not be converted to {expected}.");

/// <summary>
/// Says where a document is wrong, in the words of System.Text.Json's serializer. The place is found by reading the document again: nothing
/// needs to be kept while reading the good ones.
/// </summary>
internal static class JsonFailure
{
    private const string Position = " LineNumber: ";

    /// <summary>The reader's own limit.</summary>
    private const int MaxDepth = 64;

    /// <summary>In place of an array's next item, for an object.</summary>
    private const int NoArray = -1;

    public static JsonException Located(Exception error, ReadOnlySpan<byte> utf8, long consumed)
    {
        if (error is JsonException { LineNumber: { } line } syntax)
        {
            string within = PathOf(utf8, long.MaxValue);
            // The reader's own errors end with the position.
            int end = syntax.Message.LastIndexOf(Position, StringComparison.Ordinal);
            string what = end < 0 ? syntax.Message : syntax.Message[..end];
            return new JsonException(Message(what, within, line, syntax.BytePositionInLine), within, line, syntax.BytePositionInLine, error);
        }
        string path = PathOf(utf8, consumed);
        ReadOnlySpan<byte> before = utf8[..(int)consumed];
        long lines = before.Count((byte)'\n');
        long column = before.Length - (before.LastIndexOf((byte)'\n') + 1);
        string message = error switch
        {
            JsonMismatchException => Message(error.Message, path, lines, column),
            // The words of a type's own check stand alone.
            JsonException => error.Message,
            _ => Message("The JSON value could not be converted to a string.", path, lines, column),
        };
        return new JsonException(message, path, lines, column, error);
    }

    private static string Message(string what, string path, long? line, long? column) => $"{what} Path: {path} |{Position}{line} | BytePositionInLine: {column}.";

    /// <summary>The value that the reader stood on after <paramref name="consumed"/> bytes, or where it can't go on: <c>$.process.args[0]</c>.</summary>
    private static string PathOf(ReadOnlySpan<byte> utf8, long consumed)
    {
        var path = new StringBuilder("$");
        // Of each open object and array, how much of the path is its own.
        Span<int> own = stackalloc int[MaxDepth];
        // And which item of it is next, if it is an array.
        Span<int> next = stackalloc int[MaxDepth];
        int depth = 0;
        var reader = new Utf8JsonReader(utf8);
        try
        {
            while (reader.BytesConsumed < consumed && reader.Read())
            {
                if (reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray)
                {
                    path.Length = own[--depth];
                }
                else if (reader.TokenType == JsonTokenType.PropertyName)
                {
                    path.Length = own[depth - 1];
                    Append(path, reader.GetString()!);
                    continue;
                }
                if (reader.BytesConsumed >= consumed)
                    break;
                if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
                {
                    own[depth] = path.Length;
                    next[depth++] = reader.TokenType == JsonTokenType.StartArray ? 0 : NoArray;
                }
                else if (depth > 0)
                {
                    // A value is complete.
                    path.Length = own[depth - 1];
                    if (next[depth - 1] != NoArray)
                        next[depth - 1]++;
                }
                if (depth > 0 && next[depth - 1] != NoArray)
                    path.Append('[').Append(next[depth - 1]).Append(']');
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The failure that is being described; what was read up to here is the path.
        }
        return path.ToString();
    }

    private static void Append(StringBuilder path, string name)
    {
        if (name.AsSpan().ContainsAny(". '/\"[]()\t\n\r\f\b\\\u0085\u2028\u2029"))
            path.Append("['").Append(name).Append("']");
        else
            path.Append('.').Append(name);
    }
}
