using System.Buffers;
using System.IO.Pipelines;

namespace AotRuntime.Tests.Fuzz;

/// <summary>Consumes from the beginning of a buffer; true when done.</summary>
internal delegate bool Step(ref ReadOnlySequence<byte> buffer);

/// <summary>Inputs that arrive in pieces.</summary>
internal static class Pieces
{
    /// <summary>Feeds a parser as a pipe would: what it left, and some more, in segments of any length.</summary>
    public static bool Feed(byte[] data, Random random, Step step)
    {
        int start = 0;
        for (int end = 0; ;)
        {
            end = Math.Min(data.Length, end + random.Next(1, 1 << random.Next(1, 11)));
            ReadOnlySequence<byte> buffer = Segmented(data.AsMemory(start, end - start), random);
            long before = buffer.Length;
            if (step(ref buffer))
                return true;
            start += (int)(before - buffer.Length);
            if (end == data.Length)
                return false;
        }
    }

    /// <summary>The bytes as a chain of segments, some of them empty.</summary>
    public static ReadOnlySequence<byte> Segmented(ReadOnlyMemory<byte> data, Random random)
    {
        Segment first = new(ReadOnlyMemory<byte>.Empty, 0);
        Segment last = first;
        while (!data.IsEmpty)
        {
            int length = Math.Min(data.Length, random.Next(0, 40));
            last = last.Then(data[..length]);
            data = data[length..];
        }
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    /// <summary>Writes all in pieces, then ends; a reader that has gone away is no error.</summary>
    public static async Task SendAsync(PipeWriter output, byte[] data, Random random)
    {
        try
        {
            for (int at = 0; at < data.Length;)
            {
                int length = Math.Min(data.Length - at, random.Next(1, 1 << random.Next(1, 13)));
                FlushResult result = await output.WriteAsync(data.AsMemory(at, length));
                if (result.IsCompleted)
                    break;
                at += length;
            }
            await output.CompleteAsync();
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // The other end, or this one's owner, has closed it.
        }
    }

    /// <summary>Reads to the end, and forgets.</summary>
    public static async Task DrainAsync(PipeReader input)
    {
        try
        {
            while (true)
            {
                ReadResult result = await input.ReadAsync();
                input.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted || result.IsCanceled)
                    return;
            }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // The connection was reset.
        }
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long index) => (Memory, RunningIndex) = (memory, index);

        public Segment Then(ReadOnlyMemory<byte> memory)
        {
            Segment next = new(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
