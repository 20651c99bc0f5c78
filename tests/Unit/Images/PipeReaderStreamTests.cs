using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.Images;

namespace AotRuntime.Tests.Unit.Images;

/// <summary>No bytes from a stream mean its end: what a reader gives meanwhile must not look like it.</summary>
public class PipeReaderStreamTests
{
    [Fact]
    public void Empty_segments_and_empty_reads_are_not_the_end()
    {
        Scripted reader = new([Segments("ab", "", "cd"), Segments("", "ef"), default, Segments("g")]);
        using PipeReaderStream stream = new(reader, progress: null, CancellationToken.None);
        using MemoryStream all = new();
        stream.CopyTo(all);
        Assert.Equal("abcdefg"u8, all.ToArray());
    }

    private static ReadOnlySequence<byte> Segments(params string[] texts)
    {
        Segment first = new(texts[0], 0), last = first;
        foreach (string text in texts.Skip(1))
            last = last.Append(text);
        return new(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(string text, long at)
        {
            Memory = System.Text.Encoding.ASCII.GetBytes(text);
            RunningIndex = at;
        }

        public Segment Append(string text)
        {
            Segment next = new(text, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }

    /// <summary>Gives these buffers, one a read, and then the end.</summary>
    private sealed class Scripted(ReadOnlySequence<byte>[] buffers) : PipeReader
    {
        private int _next;

        public override bool TryRead(out ReadResult result)
        {
            bool end = _next == buffers.Length;
            result = new ReadResult(end ? default : buffers[_next++], isCanceled: false, isCompleted: end);
            return true;
        }

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            TryRead(out ReadResult result);
            return new(result);
        }

        public override void AdvanceTo(SequencePosition consumed)
        {
        }

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
        }

        public override void CancelPendingRead()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }
    }
}
