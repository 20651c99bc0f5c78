using System.Globalization;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Images;
using AotRuntime.Rpc.Containerd.Leases;
using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Tests.Unit.Containerd;

public sealed class GarbageTests : IAsyncDisposable
{
    private readonly Fixture _fixture = new();

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    private void Image(string name, string digest, params (string Key, string Value)[] labels)
    {
        Image image = new() { Name = name, Target = new OciDescriptor { Digest = digest, Size = 1, MediaType = "m" } };
        foreach ((string key, string value) in labels)
            image.Labels[key] = value;
        _fixture.Images.Create(new CreateImageRequest { Image = image }, Fixture.Context());
    }

    private void Snapshot(string name, string parent, params (string, string)[] labels)
    {
        _fixture.Overlay.Create("test", null, "tmp", parent, Kind.Active, []);
        _fixture.Overlay.Commit("test", null, name, "tmp", "", labels.Select(l => KeyValuePair.Create(l.Item1, l.Item2)));
    }

    private string[] SnapshotNames => [.. _fixture.Overlay.List("test").Select(i => i.Name)];

    [Fact]
    public async Task AnImage_KeepsAllThatItsLabelsLeadTo()
    {
        string layer = await _fixture.AddAsync("layer");
        string config = await _fixture.AddAsync("config", null, ("containerd.io/gc.ref.snapshot.overlayfs", "chain2"));
        string manifest = await _fixture.AddAsync(
            "manifest", null, ("containerd.io/gc.ref.content.config", config), ("containerd.io/gc.ref.content.l.0", layer));
        string other = await _fixture.AddAsync("other");
        Snapshot("chain1", "");
        Snapshot("chain2", "chain1");
        Snapshot("unused", "chain1");
        Image("name", manifest);

        await _fixture.Collector.CollectAsync();
        Assert.All([layer, config, manifest], digest => Assert.True(_fixture.HasBlob(digest)));
        Assert.False(_fixture.HasBlob(other));
        Assert.Equal(["chain1", "chain2"], SnapshotNames);

        await _fixture.Images.DeleteAsync(new DeleteImageRequest { Name = "name", Sync = true }, Fixture.Context());
        Assert.All([layer, config, manifest], digest => Assert.False(_fixture.HasBlob(digest)));
        Assert.Empty(SnapshotNames);
        Assert.Empty(Directory.GetDirectories(Path.Combine(_fixture.Root, "overlay", "snapshots")));
    }

    [Fact]
    public async Task ALease_KeepsUntilItIsDeleted()
    {
        _fixture.Leases.Create(new CreateRequest { Id = "l" }, Fixture.Context());
        string leaf = await _fixture.AddAsync("leaf");
        string leased = await _fixture.AddAsync("leased", Fixture.Context(lease: "l"), ("containerd.io/gc.ref.content.0", leaf));
        _fixture.Overlay.Create("test", "l", "active", "", Kind.Active, []);
        await _fixture.Collector.CollectAsync();
        Assert.True(_fixture.HasBlob(leaf));
        Assert.True(_fixture.HasBlob(leased));
        Assert.Equal(["active"], SnapshotNames);
        Assert.Equal(
            [("content", leased), ("snapshots/overlayfs", "active")],
            _fixture.Leases.ListResources(new ListResourcesRequest { Id = "l" }, Fixture.Context()).Resources.Select(r => (r.Type, r.Id)));

        await _fixture.Leases.DeleteAsync(new DeleteRequest { Id = "l", Sync = true }, Fixture.Context());
        Assert.False(_fixture.HasBlob(leaf));
        Assert.False(_fixture.HasBlob(leased));
        Assert.Empty(SnapshotNames);
    }

    [Fact]
    public async Task AnExpiredLease_KeepsNothing()
    {
        Lease lease = _fixture.Leases.Create(new CreateRequest { Id = "l" }, Fixture.Context()).Lease;
        string digest = await _fixture.AddAsync("x", Fixture.Context(lease: "l"));
        // Written over, as created so the collector would take the lease at once.
        lease.Labels["containerd.io/gc.expire"] = DateTimeOffset.UtcNow.AddSeconds(-1).ToString("o", CultureInfo.InvariantCulture);
        _fixture.Metadata.Database.Write(session => _fixture.Metadata.Leases.Update(session, "test", "l", lease));
        await _fixture.Collector.CollectAsync();
        Assert.False(_fixture.HasBlob(digest));
        Assert.Empty(_fixture.Leases.List(new ListRequest(), Fixture.Context()).Leases);
    }

    [Fact]
    public async Task AFlatLease_KeepsOnlyWhatItNames()
    {
        CreateRequest request = new() { Id = "l" };
        request.Labels["containerd.io/gc.flat"] = "";
        _fixture.Leases.Create(request, Fixture.Context());
        string leaf = await _fixture.AddAsync("leaf");
        string leased = await _fixture.AddAsync("leased", Fixture.Context(lease: "l"), ("containerd.io/gc.ref.content", leaf));
        await _fixture.Collector.CollectAsync();
        Assert.True(_fixture.HasBlob(leased));
        Assert.False(_fixture.HasBlob(leaf));
    }

    [Fact]
    public async Task AContainer_KeepsItsSnapshot()
    {
        Snapshot("base", "");
        _fixture.Overlay.Create("test", null, "c", "base", Kind.Active, []);
        _fixture.Containers.Create(
            new CreateContainerRequest
            {
                Container = new Container
                {
                    Id = "c",
                    Runtime = new Container.Types.Runtime { Name = "io.containerd.runc.v2" },
                    Spec = new Any(),
                    Snapshotter = "overlayfs",
                    SnapshotKey = "c",
                },
            },
            Fixture.Context());
        await _fixture.Collector.CollectAsync();
        Assert.Equal(["base", "c"], SnapshotNames);
        _fixture.Containers.Delete(new DeleteContainerRequest { Id = "c" }, Fixture.Context());
        await _fixture.Collector.CollectAsync();
        Assert.Empty(SnapshotNames);
    }

    [Fact]
    public async Task RootsAndOtherNamespaces_AreKept()
    {
        string root = await _fixture.AddAsync("root", null, ("containerd.io/gc.root", "yes"));
        string shared = await _fixture.AddAsync("shared", Fixture.Context("a"), ("containerd.io/gc.root", "yes"));
        await _fixture.AddAsync("shared", Fixture.Context("b"));
        await _fixture.Collector.CollectAsync();
        Assert.True(_fixture.HasBlob(root));
        Assert.True(_fixture.HasBlob(shared));
        Assert.Throws<RpcException>(() => _fixture.Contents.Find("b", shared));
    }

    [Fact]
    public async Task ADeletedImage_GoesWithoutBeingAsked()
    {
        string digest = await _fixture.AddAsync("x");
        Image("i", digest);
        await _fixture.Images.DeleteAsync(new DeleteImageRequest { Name = "i" }, Fixture.Context());
        for (int i = 0; i < 100 && _fixture.HasBlob(digest); i++)
            await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.False(_fixture.HasBlob(digest));
    }

    [Fact]
    public async Task ANamespace_IsDeletedOnlyWhenEmpty()
    {
        string digest = await _fixture.AddAsync("x");
        Image("i", digest);
        Snapshot("s", "");
        RpcException e = Assert.Throws<RpcException>(() => _fixture.Namespaces.Delete(new() { Name = "test" }));
        Assert.Equal("namespace \"test\" must be empty, but it still has images, blobs, snapshots on \"overlayfs\" snapshotter: failed precondition", e.Message);
        await _fixture.Images.DeleteAsync(new DeleteImageRequest { Name = "i", Sync = true }, Fixture.Context());
        _fixture.Namespaces.Delete(new() { Name = "test" });
        Assert.Empty(_fixture.Namespaces.List().Namespaces);
        Assert.Equal("namespace \"test\": not found", Assert.Throws<RpcException>(() => _fixture.Namespaces.Delete(new() { Name = "test" })).Message);
    }
}
