using System.IO.Compression;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using AotRuntime.Images;
using AotRuntime.Images.Tar;
using AotRuntime.Json;

namespace AotRuntime.Tests.Fuzz.Targets;

/// <summary>Tars for seeds, and changes that keep their checksums right.</summary>
internal static class Tars
{
    public static readonly string[] Words =
    [
        "ustar\0", "ustar  \0", "../", "/", "..", "../outside/secret", "/../outside", ".wh.", ".wh..wh..opq", "a/", "link/", "12 path=../x\n", "30 SCHILY.xattr.user.a=b\n", "20 GNU.sparse.major=1\n",
        "19 size=4294967296\n", "7777777\0", "\x80\0\0\0\0\0\0\x01\0\0\0\0", "0", "1", "2", "3", "5", "6", "x", "g", "L", "K", "S",
    ];

    public static byte[] Entry(string name, string data = "", char type = '0', string link = "", int mode = 0x1a4, long? size = null, string magic = "ustar\000")
    {
        byte[] content = Encoding.Latin1.GetBytes(data);
        byte[] header = new byte[512];
        Put(header, 0, name);
        Put(header, 100, Octal(mode, 7));
        Put(header, 108, Octal(0, 7));
        Put(header, 116, Octal(0, 7));
        Put(header, 124, Octal(size ?? content.Length, 11));
        Put(header, 136, Octal(1_700_000_000, 11));
        header[156] = (byte)type;
        Put(header, 157, link);
        Put(header, 257, magic);
        if (type is '3' or '4')
        {
            Put(header, 329, Octal(1, 7));
            Put(header, 337, Octal(3, 7));
        }
        Sum(header);
        return [.. header, .. content, .. new byte[-content.Length & 511]];
    }

    public static byte[] Of(params byte[][] entries) => [.. entries.SelectMany(e => e), .. new byte[1024]];

    public static byte[] Pax(string records) => Entry("pax", records, 'x');

    public static byte[] Mutate(Mutator mutator, byte[] seed)
    {
        Random random = mutator.Random;
        byte[] data = [.. seed];
        // Whole blocks are moved about, so that entries follow each other in any order.
        if (random.Next(2) == 0 && data.Length >= 1024)
        {
            List<byte[]> blocks = [.. data.Chunk(512)];
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                byte[] block = blocks[random.Next(blocks.Count)];
                if (random.Next(3) == 0)
                    blocks.Remove(block);
                else
                    blocks.Insert(random.Next(blocks.Count + 1), [.. block]);
                if (blocks.Count == 0)
                    break;
            }
            data = [.. blocks.SelectMany(b => b)];
        }
        for (int i = random.Next(3); i > 0 && data.Length > 0; i--)
        {
            // Words and numbers over header fields.
            byte[] word = Encoding.Latin1.GetBytes(Words[random.Next(Words.Length)]);
            int at = random.Next(Math.Max(1, data.Length / 512)) * 512 + new[] { 0, 100, 124, 124, 136, 156, 156, 157, 157, 257, 329, 345 }[random.Next(12)];
            if (at < data.Length)
                word.AsSpan(0, Math.Min(word.Length, data.Length - at)).CopyTo(data.AsSpan(at));
        }
        if (random.Next(3) == 0)
            data = mutator.Bytes(data, Words);
        if (random.Next(10) != 0)
        {
            for (int at = 0; at + 512 <= data.Length; at += 512)
            {
                if (data.AsSpan(at + 257, 5).SequenceEqual("ustar"u8))
                    Sum(data.AsSpan(at, 512));
            }
        }
        return data;
    }

    private static void Sum(Span<byte> header)
    {
        header.Slice(148, 8).Fill((byte)' ');
        int sum = 0;
        foreach (byte b in header)
            sum += b;
        Encoding.ASCII.GetBytes(Octal(sum, 6) + "\0 ").CopyTo(header[148..]);
    }

    private static string Octal(long value, int digits) => Convert.ToString(value, 8).PadLeft(digits, '0');

    private static void Put(byte[] header, int at, string text) => Encoding.Latin1.GetBytes(text).CopyTo(header, at);
}

/// <summary>Tars read in blocks of any size: the same entries.</summary>
internal sealed class TarReaderTarget : Target
{
    public override string Name => "tar";

    public override IEnumerable<byte[]> Seeds => UnpackTarget.Tarballs;

    public override byte[] Mutate(Mutator mutator, byte[] seed) => Tars.Mutate(mutator, seed);

    public override Task RunAsync(byte[] input, Random random)
    {
        string whole = Describe(input, () => int.MaxValue);
        Same(whole, Describe(input, () => 1 << random.Next(12)), "blocks");
        Same(whole, Describe(input, () => 512), "blocks");
        return Task.CompletedTask;
    }

    private static string Describe(byte[] input, Func<int> size)
    {
        StringBuilder text = new();
        int at = 0;
        TarReader reader = new(() =>
        {
            int length = Math.Min(size(), input.Length - at);
            at += length;
            return input.AsMemory(at - length, length);
        });
        try
        {
            while (reader.Next())
            {
                TarEntry e = reader.Entry;
                text.Append($"{Encoding.Latin1.GetString(e.Name)} {e.Type} {e.Mode} {e.Uid} {e.Gid} {e.Size} {e.ModificationTime} {Encoding.Latin1.GetString(e.LinkName)} {e.DeviceMajor} {e.DeviceMinor} {e.Xattrs.Count}\n");
                long sum = 0, end = 0;
                while (reader.ReadData(out long offset, out ReadOnlySpan<byte> data))
                {
                    for (int i = 0; i < data.Length; i++)
                        sum = unchecked(sum * 31 + data[i] + offset + i);
                    if (offset < end)
                        throw new FuzzException("data goes back");
                    end = offset + data.Length;
                }
                if (end > e.Size)
                    throw new FuzzException("data beyond the file's end");
                text.Append($"{sum}\n");
            }
            text.Append("end");
        }
        catch (TarException e)
        {
            text.Append(e.Message);
        }
        return text.ToString();
    }
}

/// <summary>Layers unpacked into a folder: whatever they hold, nothing beside the folder changes.</summary>
internal sealed class UnpackTarget : Target, IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("aot-fuzz-unpack-").FullName;
    private readonly string _before;

    public UnpackTarget()
    {
        string outside = Directory.CreateDirectory(Path.Combine(_root, "outside/deep")).Parent!.FullName;
        File.WriteAllText(Path.Combine(outside, "secret"), "secret");
        File.WriteAllText(Path.Combine(outside, "deep/file"), "deep");
        _before = Outside();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Dispose();
    }

    public static IEnumerable<byte[]> Tarballs =>
    [
        Tars.Of(Tars.Entry("a/", type: '5', mode: 0x1ed), Tars.Entry("a/f", "hello"), Tars.Entry("a/l", type: '1', link: "a/f"), Tars.Entry("s", type: '2', link: "a/f"), Tars.Entry("fifo", type: '6'), Tars.Entry("null", type: '3')),
        Tars.Of(Tars.Entry("link", type: '2', link: "../outside"), Tars.Entry("link/evil", "x"), Tars.Entry("link/deep/file", "x"), Tars.Entry("hard", type: '1', link: "link/secret"), Tars.Entry("hard", "y")),
        Tars.Of(Tars.Entry("../outside/secret", "x"), Tars.Entry("/../../outside/new", "x"), Tars.Entry("x/../../outside/y", "z"), Tars.Entry("h", type: '1', link: "../outside/secret")),
        Tars.Of(Tars.Entry("d/", type: '5'), Tars.Entry("d", type: '2', link: "../outside/deep"), Tars.Entry("d/x", "x"), Tars.Entry("d/.wh.file"), Tars.Entry("d/.wh..wh..opq"), Tars.Entry(".wh.d"), Tars.Entry(".wh..")),
        Tars.Of(Tars.Pax("19 path=long/name/x\n30 SCHILY.xattr.user.abc=xyz\n0"[..^1]), Tars.Entry("short", "data"), Tars.Entry("././@LongLink", new string('n', 300) + "\0", 'L', magic: "ustar  \0"), Tars.Entry("n", "long")),
        Tars.Of(
            Tars.Pax("22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.name=spars\n31 GNU.sparse.realsize=1000000\n"),
            Tars.Entry("GNUSparseFile.0/s", "2\n0\n3\n999990\n4\n" + new string('\0', 498) + "abcdefg")),
        Tars.Of(Tars.Pax("19 size=4294967296\n"), Tars.Entry("huge", "x"), Tars.Entry("suid", "s", mode: 0xfff)),
    ];

    public override string Name => "unpack";

    public override IEnumerable<byte[]> Seeds =>
        [.. Tarballs, Gzip(Tarballs.First()), [0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0x01, 0, 0, 0], "BZh91AY"u8.ToArray()];

    public override byte[] Mutate(Mutator mutator, byte[] seed) => seed.Length % 512 == 0 ? Tars.Mutate(mutator, seed) : mutator.Bytes(seed, Tars.Words);

    public override async Task RunAsync(byte[] input, Random random)
    {
        string layer = Path.Combine(_root, "layer");
        Directory.CreateDirectory(layer);
        string[] lower = [];
        if (random.Next(2) == 0)
        {
            string below = Directory.CreateDirectory(Path.Combine(_root, "lower")).FullName;
            if (!File.Exists(Path.Combine(below, "under")))
            {
                File.WriteAllText(Path.Combine(below, "under"), "under");
                File.CreateSymbolicLink(Path.Combine(below, "out"), "../outside");
            }
            lower = [below];
        }
        UnpackOptions options = new()
        {
            Directory = layer,
            Whiteouts = lower.Length == 0 ? WhiteoutMode.Delete : WhiteoutMode.Overlay,
            LowerDirectories = lower,
            Sync = false,
            BlockSize = 4096,
            Limits = new TarLimits { MaxTotalBytes = 1 << 22 },
        };
        try
        {
            await LayerUnpacker.UnpackAsync(PipeReader.Create(new MemoryStream(input)), options);
        }
        catch (UnpackException)
        {
            // A layer that is broken, or asks for what the file system refuses.
        }
        string after = Outside();
        Remove(layer);
        Same(_before, after, "outside of the layer");
    }

    public void Dispose()
    {
        if (Directory.Exists(_root))
            Remove(_root);
    }

    /// <summary>Names that are no UTF-8 are beyond Directory.Delete.</summary>
    private static void Remove(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (IOException)
        {
            using System.Diagnostics.Process rm = System.Diagnostics.Process.Start("rm", ["-rf", path]);
            rm.WaitForExit();
        }
    }

    private static byte[] Gzip(byte[] data)
    {
        MemoryStream stream = new();
        using (GZipStream gzip = new(stream, CompressionLevel.Fastest))
            gzip.Write(data);
        return stream.ToArray();
    }

    // All that stands beside the layer.
    private string Outside()
    {
        StringBuilder text = new();
        foreach (string path in Directory.GetFileSystemEntries(_root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None, MatchType = MatchType.Simple }).Order(StringComparer.Ordinal))
        {
            string name = Path.GetRelativePath(_root, path);
            if (name == "layer" || name.StartsWith("layer/", StringComparison.Ordinal) || name == "lower" || name.StartsWith("lower/", StringComparison.Ordinal))
                continue;
            text.Append($"{name} {File.GetUnixFileMode(path)} {(File.Exists(path) ? File.ReadAllText(path) : "")}\n");
        }
        return text.ToString();
    }
}

/// <summary>References: what is read can be written and read again.</summary>
internal sealed class ReferenceTarget : Target
{
    public override string Name => "reference";

    public override IReadOnlyList<string> Words => ["docker.io/", "index.docker.io/", "library/", "localhost", ":5000", ":latest", "@sha256:", "@", "/", ":", "-", "_", "__", ".", "[::1]", "A", "é", "\0", new string('a', 64), new string('f', 256)];

    public override IEnumerable<byte[]> Seeds =>
    [
        Utf8("hello-world"), Utf8("127.0.0.1:5000/a/b_c--d.e:tag-1.2"), Utf8("docker.io/library/busybox:latest"), Utf8("[::1]:80/x"), Utf8("localhost/x"),
        Utf8("a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), Utf8("x.y/z:t@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ];

    public override Task RunAsync(byte[] input, Random random)
    {
        string text = Encoding.UTF8.GetString(input);
        ImageReference reference;
        try
        {
            reference = ImageReference.Parse(text);
        }
        catch (ReferenceException)
        {
            return Task.CompletedTask;
        }
        Same(reference.ToString(), ImageReference.Parse(reference.ToString()).ToString(), text);
        // A path that begins like a registry's name is told in full in every form but this one, as in Docker.
        if (reference.Domain != "docker.io" || reference.FamiliarName.Length != 64 && !reference.Path.Split('/')[0].AsSpan().ContainsAny(".:") && !reference.Path.StartsWith("localhost/", StringComparison.Ordinal))
            Same(reference.ToString(), ImageReference.Parse(reference.Familiar).ToString(), text);
        Same(reference.WithDefaultTag().ToString(), reference.WithDefaultTag().WithDefaultTag().ToString(), text);
        if (reference.Path.Split('/') is var parts && (parts.Contains("..") || parts.Contains(".") || parts.Contains("") || reference.Domain.Contains('/')))
            throw new FuzzException($"{text} leaves its folder: {reference}");
        return Task.CompletedTask;
    }
}

/// <summary>Manifests, indexes and configurations.</summary>
internal sealed class OciJsonTarget : Target
{
    public override string Name => "oci-json";

    public override IReadOnlyList<string> Words => ["manifests", "layers", "config", "fsLayers", "mediaType", "schemaVersion", "rootfs", "diff_ids", "platform", "linux", "amd64", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"];

    public override IEnumerable<byte[]> Seeds
    {
        get
        {
            const string Digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
            string[] documents =
            [
                """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"DIGEST","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"DIGEST","size":3,"annotations":{"a":"b"}}]}""",
                """{"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"DIGEST","size":1,"platform":{"architecture":"amd64","os":"linux","variant":"v8","os.version":"1","os.features":["x"]}}]}""",
                """{"created":"2024-01-02T03:04:05Z","architecture":"amd64","os":"linux","config":{"Env":["A=b"],"Cmd":["/hello"],"ExposedPorts":{"80/tcp":{}}},"rootfs":{"type":"layers","diff_ids":["DIGEST"]},"history":[{"created_by":"x","empty_layer":true}]}""",
                """{"schemaVersion":1,"fsLayers":[{"blobSum":"x"}]}""",
            ];
            return documents.Select(d => Utf8(d.Replace("DIGEST", Digest, StringComparison.Ordinal)));
        }
    }

    public override byte[] Mutate(Mutator mutator, byte[] seed) => mutator.Json(seed, Words);

    public override Task RunAsync(byte[] input, Random random)
    {
        Read(() =>
        {
            if (ManifestReader.Probe(input) is { } probe)
            {
                ManifestReader.MediaTypeOf(probe);
                if (probe.Manifests is { } choices)
                    Platform.Host.Choose(choices);
            }
        });
        Read(() => JsonText.Parse(input, OciJsonContext.Manifest));
        Read(() => JsonText.Parse(input, OciJsonContext.ImageIndex));
        Read(() => JsonText.Parse(input, OciJsonContext.ImageConfig));
        return Task.CompletedTask;
    }

    private static void Read(Action read)
    {
        try
        {
            read();
        }
        catch (JsonException)
        {
            // Not such a document.
        }
    }
}
