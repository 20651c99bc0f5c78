using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Api;

/// <summary>Reads JSON documents that follow one another in a body: progress, events, statistics.</summary>
public static class JsonStream
{
    private const int LongestDocument = 16 * 1024 * 1024;

    /// <summary>Each document as soon as it is complete.</summary>
    public static async IAsyncEnumerable<JsonElement> ReadAsync(PipeReader reader, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (true)
        {
            ReadResult result = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = result.Buffer;
            while (TryTake(ref buffer, out JsonElement element))
                yield return element;
            if (buffer.Length > LongestDocument)
                throw new CommandException("the daemon's message is too long");
            reader.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
            {
                if (!IsBlank(buffer))
                    throw new CommandException("unexpected EOF");
                yield break;
            }
        }
    }

    private static bool TryTake(ref ReadOnlySequence<byte> buffer, out JsonElement element)
    {
        element = default;
        if (IsBlank(buffer))
            return false;
        Utf8JsonReader json = new(buffer, isFinalBlock: false, new JsonReaderState());
        try
        {
            if (!JsonDocument.TryParseValue(ref json, out JsonDocument? document))
                return false;
            using (document)
                element = document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new CommandException($"invalid character in the daemon's message: {e.Message}");
        }
        buffer = buffer.Slice(json.Position);
        return true;
    }

    private static bool IsBlank(ReadOnlySequence<byte> buffer)
    {
        foreach (ReadOnlyMemory<byte> segment in buffer)
        {
            if (segment.Span.ContainsAnyExcept((byte)' ', (byte)'\r', (byte)'\n'))
                return false;
        }
        return true;
    }
}
