using System.IO.Compression;
using System.IO.Pipelines;
using AotRuntime.Images;
using AotRuntime.Images.Tar;

namespace AotRuntime.Tests.Unit.Images;

/// <summary>Layers made by hand, unpacked into a folder of the test's own. Owners and devices need root.</summary>
public sealed class LayerUnpackerTests : IDisposable
{
    private readonly string _base = Directory.CreateTempSubdirectory("aot-unpack-").FullName;

    public LayerUnpackerTests() => Assert.SkipUnless(Environment.IsPrivilegedProcess, "changing owners needs root");

    private string Root => Path.Combine(_base, "root");

    public void Dispose() => Directory.Delete(_base, true);

    [Fact]
    public async Task Files_get_what_their_headers_say()
    {
        await UnpackAsync(new TarBuilder()
            .Entry("d/", "", '5', mode: 0x1e8, uid: 7, gid: 8, mtime: 1000)
            .Pax(("mtime", "1700000000.123456700"), ("SCHILY.xattr.user.note", "hi"), ("SCHILY.xattr.trusted.overlay.opaque", "y"))
            .Entry("d/f", "data", mode: 0x9ed, uid: 1, gid: 2)
            .Entry("d/hard", "", '1', "d/f", mode: 0x9ed, uid: 1, gid: 2)
            .Entry("d/soft", "", '2', "../../../etc/passwd")
            .Entry("missing/parent/f", "x").End());
        FileInfo file = new(Path.Combine(Root, "d/f"));
        Assert.Equal("data", File.ReadAllText(file.FullName));
        Assert.Equal((UnixFileMode)0x9ed, file.UnixFileMode);
        Assert.Equal((UnixFileMode)0x1e8, new DirectoryInfo(Path.Combine(Root, "d")).UnixFileMode);
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1000).UtcDateTime, Directory.GetLastWriteTimeUtc(Path.Combine(Root, "d")));
        Assert.Equal("../../../etc/passwd", new FileInfo(Path.Combine(Root, "d/soft")).LinkTarget);
        Assert.Equal("data", File.ReadAllText(Path.Combine(Root, "d/hard")));
        Assert.Equal((UnixFileMode)0x1ed, new DirectoryInfo(Path.Combine(Root, "missing/parent")).UnixFileMode);
    }

    [Theory]
    [InlineData("../victim", '0', "")]
    [InlineData("/../victim", '0', "")]
    [InlineData("a/../../victim", '0', "")]
    [InlineData("link", '1', "../victim")]
    [InlineData("link", '1', "")]
    [InlineData("x/.wh...", '0', "")]
    [InlineData("x/.wh.", '0', "")]
    [InlineData("dev", '3', "", -1)]
    public async Task What_leads_out_is_refused(string name, char type, string link, int major = 0)
    {
        File.WriteAllText(Path.Combine(_base, "victim"), "untouched");
        byte[] tar = new TarBuilder().Entry(name, "", type, link, edit: h =>
        {
            if (major < 0)
                h.AsSpan(329, 8).Fill(0xff);
        }).End();
        await Assert.ThrowsAsync<UnpackException>(() => UnpackAsync(tar));
        Assert.Equal("untouched", File.ReadAllText(Path.Combine(_base, "victim")));
    }

    [Fact]
    public async Task Links_are_followed_inside_the_root_only()
    {
        string victim = Path.Combine(_base, "victim");
        File.WriteAllText(victim, "untouched");
        await UnpackAsync(new TarBuilder()
            .Entry("abs", "", '2', _base)
            .Entry("abs/victim", "inside")
            .Entry("up", "", '2', "../../../../../../../..")
            .Entry("up" + victim, "inside too")
            .Entry("file", "", '2', victim)
            .Entry("file", "replaced")
            .Entry("dangling", "", '2', "/not/yet")
            .Entry("dangling/there", "made").End());
        Assert.Equal("untouched", File.ReadAllText(victim));
        Assert.Equal("inside too", File.ReadAllText(Root + victim));
        Assert.Null(new FileInfo(Path.Combine(Root, "file")).LinkTarget);
        Assert.Equal("made", File.ReadAllText(Path.Combine(Root, "not/yet/there")));
    }

    [Fact]
    public async Task Links_in_a_circle_are_an_error_not_a_loop() => await Assert.ThrowsAsync<UnpackException>(() => UnpackAsync(new TarBuilder()
        .Entry("a", "", '2', "b").Entry("b", "", '2', "a").Entry("a/x/y", "z").End()));

    [Fact]
    public async Task Later_entries_replace_earlier_ones()
    {
        await UnpackAsync(new TarBuilder()
            .Entry("was-dir/", "", '5').Entry("was-dir/x", "x").Entry("was-dir", "file now")
            .Entry("was-file", "f").Entry("was-file/", "", '5').Entry("was-file/in", "i").End());
        Assert.Equal("file now", File.ReadAllText(Path.Combine(Root, "was-dir")));
        Assert.Equal("i", File.ReadAllText(Path.Combine(Root, "was-file/in")));
    }

    [Fact]
    public async Task Whiteouts_delete_what_lies_below_but_not_what_the_layer_brings()
    {
        Directory.CreateDirectory(Path.Combine(Root, "o/sub"));
        File.WriteAllText(Path.Combine(Root, "o/old"), "");
        File.WriteAllText(Path.Combine(Root, "o/sub/old"), "");
        File.WriteAllText(Path.Combine(Root, "gone"), "");
        await UnpackAsync(new TarBuilder()
            .Entry("o/new", "new").Entry("o/sub/new", "new").Entry("o/.wh..wh..opq").Entry(".wh.gone").Entry(".wh.never-there").Entry(".wh..wh.plnk/1", "aufs").End());
        Assert.Equal(["new", "sub"], Directory.EnumerateFileSystemEntries(Path.Combine(Root, "o")).Select(e => Path.GetFileName(e)!).Order());
        Assert.Equal(["new"], Directory.EnumerateFileSystemEntries(Path.Combine(Root, "o/sub")).Select(e => Path.GetFileName(e)!));
        Assert.False(File.Exists(Path.Combine(Root, "gone")));
    }

    [Fact]
    public async Task An_upper_directory_takes_its_parents_attributes_and_link_targets_from_below()
    {
        string lower = Path.Combine(_base, "lower");
        Directory.CreateDirectory(Path.Combine(lower, "d"), (UnixFileMode)0x1c0);
        File.WriteAllText(Path.Combine(lower, "d/target"), "from below");
        await UnpackAsync(
            new TarBuilder().Entry("d/new", "x").Entry("d/link", "", '1', "d/target").Entry("d/.wh.gone").End(),
            o => o with { Whiteouts = WhiteoutMode.Overlay, LowerDirectories = [lower] });
        Assert.Equal((UnixFileMode)0x1c0, new DirectoryInfo(Path.Combine(Root, "d")).UnixFileMode);
        Assert.Equal("from below", File.ReadAllText(Path.Combine(Root, "d/link")));
        Assert.True(new FileInfo(Path.Combine(Root, "d/gone")).Attributes.HasFlag(FileAttributes.Device) || File.Exists(Path.Combine(Root, "d/gone")));
    }

    [Fact]
    public async Task Gzip_members_and_zstd_frames_join_and_give_the_same_diff_id()
    {
        byte[] tar = new TarBuilder().Entry("f", new string('x', 100_000)).End();
        Digest expected = Digest.Sha256(tar);
        byte[] twoMembers = [.. Gzip(tar[..700]), .. Gzip(tar[700..])];
        using ZstdSharp.Compressor zstd = new();
        byte[] twoFrames = [.. zstd.Wrap(tar.AsSpan(0, 700)), .. zstd.Wrap(tar.AsSpan(700))];
        foreach (byte[] packed in (byte[][])[tar, Gzip(tar), twoMembers, zstd.Wrap(tar).ToArray(), twoFrames])
        {
            UnpackResult result = await UnpackRawAsync(packed, o => o);
            Assert.Equal((expected, 100_000L, 1L), (result.DiffId, result.Size, result.Entries));
        }
    }

    [Fact]
    public async Task Cut_and_damaged_streams_fail()
    {
        byte[] tar = new TarBuilder().Entry("f", new string('x', 100_000)).End();
        byte[] gzip = Gzip(tar);
        await Assert.ThrowsAsync<UnpackException>(() => UnpackRawAsync(gzip[..(gzip.Length / 2)], o => o));
        // Near the end there is only the tar's empty end: the inflater may take a cut there for the end, but the diff id is another. (A cut in
        // the trailer loses no data; the blob's digest tells it.)
        for (int cut = 16; cut < gzip.Length; cut += 7)
        {
            try
            {
                Assert.NotEqual(Digest.Sha256(tar), (await UnpackRawAsync(gzip[..^cut], o => o)).DiffId);
            }
            catch (UnpackException)
            {
                // Noticed already while unpacking.
            }
        }
        await Assert.ThrowsAsync<UnpackException>(() => UnpackRawAsync(tar[..5000], o => o));
        byte[] huge = new TarBuilder().Entry("huge", "", size: 8L << 30).End();
        Assert.Contains("unexpected EOF", (await Assert.ThrowsAsync<UnpackException>(() => UnpackRawAsync(Gzip(huge), o => o))).Message);
    }

    [Fact]
    public async Task Limits_hold()
    {
        byte[] tar = new TarBuilder().Entry("a").Entry("b").End();
        await Assert.ThrowsAsync<UnpackException>(() => UnpackAsync(tar, o => o with { MaxEntries = 1 }));
        byte[] bomb = Gzip(new byte[10 << 20]);
        await Assert.ThrowsAsync<UnpackException>(() => UnpackRawAsync(bomb, o => o with { Limits = new TarLimits { MaxTotalBytes = 1 << 20 } }));
    }

    [Fact]
    public async Task A_source_that_fails_or_is_cancelled_ends_the_unpacking()
    {
        Pipe pipe = new();
        Directory.CreateDirectory(Root);
        Task<UnpackResult> broken = LayerUnpacker.UnpackAsync(pipe.Reader, new UnpackOptions { Directory = Root });
        await pipe.Writer.WriteAsync(new byte[100]);
        await pipe.Writer.CompleteAsync(new IOException("connection reset"));
        Assert.Contains("connection reset", (await Assert.ThrowsAsync<UnpackException>(() => broken)).Message);

        Pipe silent = new();
        using CancellationTokenSource stop = new();
        Task<UnpackResult> waiting = LayerUnpacker.UnpackAsync(silent.Reader, new UnpackOptions { Directory = Root }, stop.Token);
        stop.CancelAfter(50);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    private Task<UnpackResult> UnpackAsync(byte[] tar, Func<UnpackOptions, UnpackOptions>? edit = null) => UnpackRawAsync(Gzip(tar), edit ?? (o => o));

    private async Task<UnpackResult> UnpackRawAsync(byte[] packed, Func<UnpackOptions, UnpackOptions> edit)
    {
        Directory.CreateDirectory(Root);
        UnpackOptions options = edit(new UnpackOptions { Directory = Root, Whiteouts = WhiteoutMode.Delete, Sync = false });
        return await LayerUnpacker.UnpackAsync(PipeReader.Create(new MemoryStream(packed)), options, TestContext.Current.CancellationToken);
    }

    private static byte[] Gzip(byte[] data)
    {
        MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest))
            gzip.Write(data);
        return packed.ToArray();
    }
}
