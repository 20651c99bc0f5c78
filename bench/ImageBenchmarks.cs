using System.Formats.Tar;
using System.IO.Compression;
using System.IO.Pipelines;
using AotRuntime.Images;
using BenchmarkDotNet.Attributes;

namespace AotRuntime.Bench;

/// <summary>A layer of 32 MiB in 1,000 files of mixed sizes, from gzip to files.</summary>
[MemoryDiagnoser]
public class UnpackBenchmarks
{
    private byte[] _layer = [];
    private string _folder = "";

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.Optimal))
        using (TarWriter tar = new(gzip, TarEntryFormat.Pax))
        {
            for (int i = 0; i < 1000; i++)
            {
                // Half random, half not: about as dense as programs are.
                byte[] data = new byte[(i % 100 == 0 ? 2_000_000 : 12_000) + random.Next(4000)];
                random.NextBytes(data.AsSpan(0, data.Length / 2));
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, $"usr/lib/d{i % 20}/f{i}") { DataStream = new MemoryStream(data) });
            }
        }
        _layer = compressed.ToArray();
    }

    [IterationSetup]
    public void Make() => _folder = Directory.CreateTempSubdirectory("aot-bench-").FullName;

    [IterationCleanup]
    public void Clean() => Directory.Delete(_folder, recursive: true);

    [Benchmark]
    public async Task<long> Gzip() =>
        (await LayerUnpacker.UnpackAsync(PipeReader.Create(new MemoryStream(_layer)), new UnpackOptions { Directory = _folder, Sync = false })).TarSize;
}

/// <summary>Image references.</summary>
[MemoryDiagnoser]
public class ReferenceBenchmarks
{
    [Benchmark(Baseline = true)]
    public ImageReference Short() => ImageReference.Parse("hello-world");

    [Benchmark]
    public ImageReference Long() =>
        ImageReference.Parse("registry.example.com:5000/team/project/image_name:v1.2.3@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
