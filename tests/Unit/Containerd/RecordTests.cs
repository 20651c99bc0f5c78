using AotRuntime.Containerd;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Images;
using AotRuntime.Rpc.Containerd.Namespaces;
using AotRuntime.Rpc.Containerd.Types;

namespace AotRuntime.Tests.Unit.Containerd;

/// <summary>Namespaces, images and containers, as containerd 2.1 answers.</summary>
public sealed class RecordTests : IAsyncDisposable
{
    private readonly Fixture _fixture = new();

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public void ANamespaceWithoutAnything_HasNoLabels()
    {
        Assert.Equal("new", _fixture.Namespaces.Get(new GetNamespaceRequest { Name = "new" }).Namespace.Name);
        _fixture.Namespaces.Update(new UpdateNamespaceRequest { Namespace = new Namespace { Name = "new" } });
        Assert.Empty(_fixture.Namespaces.List().Namespaces);
        _fixture.Namespaces.Update(new UpdateNamespaceRequest { Namespace = new Namespace { Name = "new", Labels = { ["a"] = "b" } } });
        Assert.Equal("b", _fixture.Namespaces.List().Namespaces.Single().Labels["a"]);
    }

    [Theory]
    [InlineData("", "Target.Digest \"\" invalid: invalid checksum digest format: invalid argument")]
    [InlineData("sha256:abc", "Target.Digest \"sha256:abc\" invalid: invalid checksum digest length: invalid argument")]
    [InlineData("md5:abc", "Target.Digest \"md5:abc\" invalid: unsupported digest algorithm: invalid argument")]
    public void AnImageWithoutADigest_IsRefused(string digest, string text)
    {
        CreateImageRequest request = new() { Image = new Image { Name = "i", Target = new OciDescriptor { Digest = digest, Size = 1, MediaType = "m" } } };
        Assert.Equal(text, Assert.Throws<RpcException>(() => _fixture.Images.Create(request, Fixture.Context())).Message);
    }

    [Fact]
    public void AnImageThatStays_NeedsNoLease()
    {
        OciDescriptor target = new() { Digest = $"sha256:{new string('a', 64)}", Size = 1, MediaType = "m" };
        RpcContext context = Fixture.Context(lease: "none");
        _fixture.Images.Create(new CreateImageRequest { Image = new Image { Name = "stays", Target = target } }, context);
        CreateImageRequest goes = new() { Image = new Image { Name = "goes", Target = target, Labels = { ["containerd.io/gc.expire"] = "2090-01-01T00:00:00Z" } } };
        Assert.Equal("lease does not exist: not found", Assert.Throws<RpcException>(() => _fixture.Images.Create(goes, context)).Message);
    }

    [Fact]
    public void ARunningTaskWithoutARecord_GetsOne()
    {
        _fixture.Containers.Adopt("test", "lost", "{\"ociVersion\":\"1.0.2\"}"u8.ToArray());
        Container adopted = _fixture.Containers.Find("test", "lost");
        Assert.Equal(("io.containerd.runc.v2", "{\"ociVersion\":\"1.0.2\"}"), (adopted.Runtime.Name, adopted.Spec.Value.ToStringUtf8()));
        // One that has a record keeps it.
        _fixture.Containers.Adopt("test", "lost", null);
        Assert.Equal(adopted, _fixture.Containers.Find("test", "lost"));
    }
}
