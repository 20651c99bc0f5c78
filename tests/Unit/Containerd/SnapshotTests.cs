using AotRuntime.Containerd;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Types;

namespace AotRuntime.Tests.Unit.Containerd;

public sealed class SnapshotTests : IAsyncDisposable
{
    private readonly Fixture _fixture = new();

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    private string Snapshots => Path.Combine(_fixture.Root, "overlay", "snapshots");

    private List<Mount> Prepare(SnapshotStore store, string key, string parent = "") => store.Create("test", null, key, parent, Kind.Active, []);

    private void Layer(SnapshotStore store, string name, string parent = "", string? file = null)
    {
        List<Mount> mounts = Prepare(store, "tmp-" + name, parent);
        if (file is not null)
        {
            string upper = mounts[0].Type == "bind"
                ? mounts[0].Source
                : mounts[0].Options.Single(o => o.StartsWith("upperdir=", StringComparison.Ordinal))["upperdir=".Length..];
            File.WriteAllText(Path.Combine(upper, file), file);
        }
        store.Commit("test", null, name, "tmp-" + name, "", []);
    }

    [Fact]
    public void Overlay_MountsAreContainerds()
    {
        SnapshotStore store = _fixture.Overlay;
        Mount first = Assert.Single(Prepare(store, "a"));
        Assert.Equal("bind", first.Type);
        Assert.Equal(Path.Combine(Snapshots, "1", "fs"), first.Source);
        Assert.Equal(["rw", "rbind"], first.Options);
        store.Commit("test", null, "A", "a", "", []);

        Mount active = Assert.Single(Prepare(store, "b", "A"));
        Assert.Equal("overlay", active.Type);
        Assert.Equal("overlay", active.Source);
        Assert.Equal(
            [$"workdir={Snapshots}/2/work", $"upperdir={Snapshots}/2/fs", $"lowerdir={Snapshots}/1/fs"],
            active.Options.Where(o => o != "index=off"));
        store.Commit("test", null, "B", "b", "", []);

        Mount view1 = Assert.Single(store.Create("test", null, "v1", "A", Kind.View, []));
        Assert.Equal(("bind", $"{Snapshots}/1/fs"), (view1.Type, view1.Source));
        Assert.Equal(["ro", "rbind"], view1.Options);
        Mount view2 = Assert.Single(store.Create("test", null, "v2", "B", Kind.View, []));
        Assert.Equal([$"lowerdir={Snapshots}/2/fs:{Snapshots}/1/fs"], view2.Options.Where(o => o != "index=off"));
        Assert.Equal(view2, Assert.Single(store.Mounts("test", "v2")));
    }

    [Fact]
    public void Native_HasACopyOfItsParent()
    {
        SnapshotStore store = _fixture.Native;
        Layer(store, "A", "", "one");
        Layer(store, "B", "A", "two");
        Mount mount = Assert.Single(Prepare(store, "c", "B"));
        Assert.Equal("bind", mount.Type);
        Assert.Equal("one", File.ReadAllText(Path.Combine(mount.Source, "one")));
        Assert.Equal("two", File.ReadAllText(Path.Combine(mount.Source, "two")));
        File.Delete(Path.Combine(mount.Source, "one"));
        Assert.True(File.Exists(Path.Combine(store.Create("test", null, "v", "B", Kind.View, [])[0].Source, "one")));
    }

    [Fact]
    public void TreeCopy_KeepsLinksModesAndSpecialFiles()
    {
        string from = Path.Combine(_fixture.Root, "from");
        string to = Path.Combine(_fixture.Root, "to");
        Directory.CreateDirectory(Path.Combine(from, "d", "e"));
        File.WriteAllText(Path.Combine(from, "f"), "data");
        File.SetUnixFileMode(Path.Combine(from, "f"), UnixFileMode.UserRead | UnixFileMode.SetUser);
        File.SetLastWriteTimeUtc(Path.Combine(from, "f"), new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        File.CreateSymbolicLink(Path.Combine(from, "d", "s"), "/nowhere/at/all");
        using (var f = AotRuntime.Linux.Sys.Open(from, AotRuntime.Linux.OpenFlags.Directory))
        {
            Assert.Equal(AotRuntime.Linux.Errno.None, AotRuntime.Linux.Sys.TryLinkAt(f, "f\0"u8, f, "d/e/hard\0"u8));
            Assert.Equal(AotRuntime.Linux.Errno.None, AotRuntime.Linux.Sys.TryMknodAt(f, "fifo\0"u8, 0x1000 | 0x180, 0));
        }
        TreeCopy.Copy(from, to);

        Assert.Equal("data", File.ReadAllText(Path.Combine(to, "d", "e", "hard")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.SetUser, File.GetUnixFileMode(Path.Combine(to, "f")));
        Assert.Equal(2001, File.GetLastWriteTimeUtc(Path.Combine(to, "f")).Year);
        Assert.Equal("/nowhere/at/all", new FileInfo(Path.Combine(to, "d", "s")).LinkTarget);
        Assert.Equal((0L, 0L), (TreeUsage.Of(from).Inodes - TreeUsage.Of(to).Inodes, 0L));
        Assert.Equal(6, TreeUsage.Of(to).Inodes); // the root, d, e, f with two names, s, fifo
    }

    [Fact]
    public void Errors_AreContainerds()
    {
        SnapshotStore store = _fixture.Overlay;
        Layer(store, "A");
        Prepare(store, "b", "A");
        Check(RpcStatus.AlreadyExists, "snapshot \"b\": already exists", () => Prepare(store, "b", "A"));
        Check(RpcStatus.NotFound, "parent snapshot none does not exist: not found", () => Prepare(store, "c", "none"));
        Check(RpcStatus.InvalidArgument, "failed to create snapshot: parent \"b\" is not committed snapshot: invalid argument", () => Prepare(store, "c", "b"));
        Check(RpcStatus.NotFound, "snapshot none does not exist: not found", () => store.Mounts("test", "none"));
        Check(RpcStatus.FailedPrecondition, "failed to get active mount: requested snapshot A not active or view: failed precondition", () => store.Mounts("test", "A"));
        Check(RpcStatus.AlreadyExists, "snapshot \"A\": already exists", () => store.Commit("test", null, "A", "b", "", []));
        Check(RpcStatus.AlreadyExists, "snapshot \"A\": already exists", () => store.Commit("test", null, "A", "none", "", []));
        Check(
            RpcStatus.FailedPrecondition, "failed to commit snapshot A: snapshot \"A\" is not active: failed precondition",
            () => store.Commit("test", null, "C", "A", "", []));
        Check(RpcStatus.FailedPrecondition, "cannot remove snapshot with child: failed precondition", () => store.Remove("test", "A"));
        Check(RpcStatus.NotFound, "snapshot A does not exist: not found", () => store.Stat("other", "A"));
        // A failed creation leaves no folder.
        Assert.Equal(2, Directory.GetDirectories(Snapshots).Length);

        static void Check(RpcStatus status, string text, Action act)
        {
            RpcException e = Assert.Throws<RpcException>(act);
            Assert.Equal(text, e.Message);
            Assert.Equal(status, e.Status);
        }
    }

    [Fact]
    public void Namespaces_HaveNamesOfTheirOwn()
    {
        Prepare(_fixture.Overlay, "a");
        _fixture.Overlay.Create("other", null, "a", "", Kind.Active, []);
        Assert.Single(_fixture.Overlay.List("test"));
        Assert.Equal(2, Directory.GetDirectories(Snapshots).Length);
    }

    [Fact]
    public async Task AfterACrash_FoldersWithoutRecordsGo()
    {
        Layer(_fixture.Overlay, "A");
        Directory.CreateDirectory(Path.Combine(Snapshots, "77", "fs"));
        Directory.CreateDirectory(Path.Combine(Snapshots, "rm-3"));
        await _fixture.CloseAsync();
        Fixture again = new(_fixture.Root);
        again.Collector.CleanUp(keepBlobs: false);
        Assert.Equal("1", Path.GetFileName(Assert.Single(Directory.GetDirectories(Snapshots))));
        await again.CloseAsync();
    }

    [Fact]
    public void LabelsAndUsage()
    {
        Layer(_fixture.Overlay, "A", "", "file");
        Info info = _fixture.Overlay.Update("test", new Info { Name = "A", Labels = { ["x"] = "y" } }, null);
        Assert.Equal("y", info.Labels["x"]);
        Assert.Equal(Kind.Committed, _fixture.Overlay.Stat("test", "A").Kind);
        (long size, long inodes) = _fixture.Overlay.Usage("test", "A");
        Assert.Equal(2, inodes);
        Assert.True(size > 0);
        Assert.Equal((size, inodes), _fixture.Overlay.Usage("test", "A"));
    }
}
