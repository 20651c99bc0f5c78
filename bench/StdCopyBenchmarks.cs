using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.EngineApi;
using BenchmarkDotNet.Attributes;

namespace AotRuntime.Bench;

/// <summary>Two outputs taken apart again: 1,000 frames of a line each, and 32 of 32 KiB.</summary>
[MemoryDiagnoser]
public class StdCopyBenchmarks
{
    private ReadOnlySequence<byte> _lines;
    private ReadOnlySequence<byte> _blocks;

    [GlobalSetup]
    public void Setup()
    {
        _lines = Frames(1000, 80);
        _blocks = Frames(32, 32 * 1024);
    }

    [Benchmark]
    public ValueTask<long> Lines() => CountAsync(_lines);

    [Benchmark]
    public ValueTask<long> Blocks() => CountAsync(_blocks);

    private static ReadOnlySequence<byte> Frames(int count, int length)
    {
        ArrayBufferWriter<byte> output = new();
        for (int i = 0; i < count; i++)
            StdCopy.Write(output, i % 3 == 0 ? StdStream.Stderr : StdStream.Stdout, new byte[length]);
        return new ReadOnlySequence<byte>(output.WrittenMemory);
    }

    private static async ValueTask<long> CountAsync(ReadOnlySequence<byte> frames)
    {
        long total = 0;
        await StdCopy.DemultiplexAsync(PipeReader.Create(frames), (_, data) =>
        {
            total += data.Length;
            return ValueTask.CompletedTask;
        });
        return total;
    }
}
