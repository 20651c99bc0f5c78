using System.Text;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Volumes;
using AotRuntime.EngineApi;
using AotRuntime.Linux;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Tests.Unit.Dockerd.Volumes;

/// <summary>The store over a folder of its own. Owners and device nodes need root, as the whole suite does.</summary>
public sealed class VolumeStoreTests : IDisposable
{
    private readonly string _dir = Directory.CreateTempSubdirectory("aot-volumes-").FullName;

    public void Dispose() => Directory.Delete(_dir, recursive: true);

    private string Root => Path.Combine(_dir, "volumes");

    private VolumeStore Open() => new(Root, NullLogger.Instance);

    private static Volume Make(VolumeStore store, string name, Dictionary<string, string>? labels = null) =>
        store.Create(new VolumeCreateRequest { Name = name, Labels = labels }).Volume;

    [Fact]
    public void Survives_with_its_labels()
    {
        Volume made = Make(Open(), "v1", new() { ["a"] = "b" });
        Assert.Equal(Path.Combine(Root, "v1", "_data"), made.Mountpoint);
        Volume found = Open().Find("v1")!;
        Assert.Equal((made.CreatedAt, made.Mountpoint, "local"), (found.CreatedAt, found.Mountpoint, found.Driver));
        Assert.Equal("b", found.Labels!["a"]);
        Assert.Null(Open().Find("v2"));
    }

    [Fact]
    public void Is_made_once_and_content_stays()
    {
        VolumeStore store = Open();
        Volume made = Make(store, "v1");
        File.WriteAllText(Path.Combine(made.Mountpoint, "f"), "kept");
        (Volume again, bool created) = store.Create(new VolumeCreateRequest { Name = "v1" });
        Assert.False(created);
        Assert.Equal(made.CreatedAt, again.CreatedAt);
        Assert.Equal("kept", File.ReadAllText(Path.Combine(again.Mountpoint, "f")));
        Assert.Equal(4, store.Size("v1"));
    }

    [Fact]
    public void Without_a_name_gets_a_random_one()
    {
        VolumeStore store = Open();
        Volume a = Make(store, ""), b = Make(store, "");
        Assert.Matches("^[0-9a-f]{64}$", a.Name);
        Assert.NotEqual(a.Name, b.Name);
        Assert.Equal("", a.Labels![VolumeStore.AnonymousLabel]);
    }

    [Theory]
    [InlineData("a")]
    [InlineData(".hidden")]
    [InlineData("-v")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("../x")]
    [InlineData("a b")]
    [InlineData("a\0b")]
    [InlineData("ä1")]
    public void Bad_names_are_refused(string name)
    {
        ApiException e = Assert.Throws<ApiException>(() => Make(Open(), name));
        Assert.Equal(400, e.StatusCode);
        Assert.Contains("includes invalid characters for a local volume name", e.Message);
        Assert.Equal(["volumes"], Directory.GetFileSystemEntries(_dir).Select(Path.GetFileName));
        Assert.Empty(Directory.GetFileSystemEntries(Root));
    }

    [Fact]
    public void Overlong_names_are_refused() => Assert.Equal(400, Assert.Throws<ApiException>(() => Make(Open(), new string('a', 255))).StatusCode);

    [Fact]
    public void The_longest_name_can_be_made_and_removed()
    {
        VolumeStore store = Open();
        string name = new('a', 254);
        Make(store, name);
        Assert.NotNull(Open().Find(name));
        store.Remove(name, force: false);
        Assert.Empty(Directory.GetFileSystemEntries(Root));
    }

    [Fact]
    public void Other_options_or_drivers_conflict()
    {
        VolumeStore store = Open();
        Dictionary<string, string> tmpfs = new() { ["type"] = "tmpfs", ["device"] = "tmpfs" };
        store.Create(new VolumeCreateRequest { Name = "v1", DriverOpts = tmpfs });
        Assert.False(store.Create(new VolumeCreateRequest { Name = "v1", DriverOpts = new(tmpfs) }).Created);
        Assert.False(store.Create(new VolumeCreateRequest { Name = "v1" }).Created);
        Assert.Equal(409, Assert.Throws<ApiException>(() => store.Create(
            new VolumeCreateRequest { Name = "v1", DriverOpts = new() { ["type"] = "ext4", ["device"] = "/dev/x" } })).StatusCode);
        Assert.Equal(404, Assert.Throws<ApiException>(() => store.Create(new VolumeCreateRequest { Name = "v2", Driver = "nfs" })).StatusCode);
        Assert.Equal(400, Assert.Throws<ApiException>(() => store.Create(
            new VolumeCreateRequest { Name = "v2", DriverOpts = new() { ["size"] = "1" } })).StatusCode);
        Assert.Equal(400, Assert.Throws<ApiException>(() => store.Create(
            new VolumeCreateRequest { Name = "v2", DriverOpts = new() { ["type"] = "tmpfs" } })).StatusCode);
        Assert.Equal(["v1"], store.List().Select(v => v.Name));
    }

    [Fact]
    public void Removing_takes_content_along()
    {
        VolumeStore store = Open();
        Volume made = Make(store, "v1");
        Directory.CreateDirectory(Path.Combine(made.Mountpoint, "a/b"));
        File.CreateSymbolicLink(Path.Combine(made.Mountpoint, "out"), _dir);
        File.WriteAllText(Path.Combine(_dir, "outside"), "kept");
        store.Remove("v1", force: false);
        Assert.Empty(Directory.GetFileSystemEntries(Root));
        Assert.True(File.Exists(Path.Combine(_dir, "outside")));
        Assert.Equal("get v1: no such volume", Assert.Throws<ApiException>(() => store.Remove("v1", force: false)).Message);
        store.Remove("v1", force: true);
    }

    [Fact]
    public void Half_made_folders_are_gone_after_a_start()
    {
        Make(Open(), "v1");
        Directory.CreateDirectory(Path.Combine(Root, ".v2/_data/x"));
        Directory.CreateDirectory(Path.Combine(Root, "stray"));
        Assert.Equal(["v1"], Open().List().Select(v => v.Name));
        Assert.Equal(["stray", "v1"], Directory.GetDirectories(Root).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{\"Labels\":")]
    [InlineData("[1]")]
    [InlineData("{\"Labels\":7}")]
    [InlineData(null)]
    public void A_record_that_cannot_be_read_costs_no_content(string? record)
    {
        Volume made = Make(Open(), "v1");
        File.WriteAllText(Path.Combine(made.Mountpoint, "f"), "kept");
        string file = Path.Combine(Root, "v1/volume.json");
        if (record is null)
            File.Delete(file);
        else
            File.WriteAllText(file, record);
        Volume found = Open().Find("v1")!;
        Assert.Equal("kept", File.ReadAllText(Path.Combine(found.Mountpoint, "f")));
        Assert.Null(found.Labels);
        // What is there stays for whoever can read it.
        Assert.Equal(record, File.Exists(file) ? File.ReadAllText(file) : null);
    }

    [Fact]
    public async Task Populating_copies_all_that_a_file_is()
    {
        string image = Path.Combine(_dir, "image");
        string data = Directory.CreateDirectory(Path.Combine(image, "data/sub")).Parent!.FullName;
        File.WriteAllText(Path.Combine(data, "sub/file"), "text");
        Run("ln", Path.Combine(data, "sub/file"), Path.Combine(data, "second"));
        Run("chown", "12:34", Path.Combine(data, "second"));
        Run("chmod", "6755", Path.Combine(data, "second"));
        Run("chown", "5:6", data);
        Run("chmod", "1731", data);
        Run("mkfifo", Path.Combine(data, "fifo"));
        Run("mknod", Path.Combine(data, "null"), "c", "1", "3");
        File.CreateSymbolicLink(Path.Combine(data, "link"), "/etc/passwd");
        File.CreateSymbolicLink(Path.Combine(data, "dirlink"), "../../..");
        SetAttribute(Path.Combine(data, "second"), "user.k", "v");
        Run("touch", "-d", "2001-02-03T04:05:06.5Z", Path.Combine(data, "second"));

        VolumeStore store = Open();
        string to = Make(store, "v1").Mountpoint;
        await store.PopulateAsync("v1", image, "/data");
        const string Format = "%n %A %u:%g %s %Y %h %t:%T %N";
        Assert.Equal(Stat(data, Format), Stat(to, Format));
        Assert.Equal("text", File.ReadAllText(Path.Combine(to, "sub/file")));
        Assert.Equal(Run("stat", "-c", "%i", Path.Combine(to, "second")), Run("stat", "-c", "%i", Path.Combine(to, "sub/file")));
        Assert.Equal("v", GetAttribute(Path.Combine(to, "second"), "user.k"));
        Assert.Contains("12:34", Stat(to, Format));
    }

    [Fact]
    public async Task Links_in_an_image_lead_nowhere_else()
    {
        string image = Directory.CreateDirectory(Path.Combine(_dir, "image/real")).Parent!.FullName;
        string outside = Directory.CreateDirectory(Path.Combine(_dir, "outside")).FullName;
        File.WriteAllText(Path.Combine(outside, "secret"), "s");
        File.WriteAllText(Path.Combine(image, "real/f"), "f");
        File.CreateSymbolicLink(Path.Combine(image, "abs"), outside);
        File.CreateSymbolicLink(Path.Combine(image, "up"), "../../../../../.." + outside);
        File.CreateSymbolicLink(Path.Combine(image, "inside"), "/real");
        VolumeStore store = Open();
        string to = Make(store, "v1").Mountpoint;
        foreach (string path in (string[])["/abs", "/up", "/missing", "/real/f", "/../../outside"])
        {
            await store.PopulateAsync("v1", image, path);
            Assert.Empty(Directory.GetFileSystemEntries(to));
        }
        // A link inside means the image's own path.
        await store.PopulateAsync("v1", image, "/inside");
        Assert.Equal(["f"], Directory.GetFileSystemEntries(to).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_volume_with_content_is_left_alone()
    {
        string image = Directory.CreateDirectory(Path.Combine(_dir, "image/data")).Parent!.FullName;
        File.WriteAllText(Path.Combine(image, "data/new"), "n");
        VolumeStore store = Open();
        string to = Make(store, "v1").Mountpoint;
        File.WriteAllText(Path.Combine(to, "old"), "o");
        await store.PopulateAsync("v1", image, "/data");
        Assert.Equal(["old"], Directory.GetFileSystemEntries(to).Select(Path.GetFileName));
    }

    // One line for each file below a folder, with paths relative to it.
    private static string Stat(string folder, string format) =>
        string.Concat(Run("find", folder, "-exec", "stat", "-c", format, "{}", "+").Split('\n').Order(StringComparer.Ordinal).Select(l => l.Replace(folder, "", StringComparison.Ordinal) + "\n"));

    private static void SetAttribute(string file, string name, string value)
    {
        using SafeFileHandle handle = Sys.Open(file, OpenFlags.ReadOnly);
        Assert.Equal(Errno.None, Sys.TryFsetxattr(handle, Encoding.ASCII.GetBytes(name + "\0"), Encoding.ASCII.GetBytes(value)));
    }

    private static string GetAttribute(string file, string name)
    {
        using SafeFileHandle handle = Sys.Open(file, OpenFlags.ReadOnly);
        byte[] value = new byte[100];
        Assert.Equal(Errno.None, Sys.TryFgetxattr(handle, Encoding.ASCII.GetBytes(name + "\0"), value, out int length));
        return Encoding.ASCII.GetString(value, 0, length);
    }

    private static string Run(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program}: {error}");
        return output;
    }
}
