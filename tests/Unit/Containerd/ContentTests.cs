using System.Text;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using Google.Protobuf;

namespace AotRuntime.Tests.Unit.Containerd;

public sealed class ContentTests : IAsyncDisposable
{
    private readonly Fixture _fixture = new();

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    private static WriteContentRequest Write(string reference, long offset, string data, WriteAction action = WriteAction.Write) =>
        new() { Action = action, Ref = reference, Offset = offset, Data = ByteString.CopyFromUtf8(data) };

    [Fact]
    public async Task WhatIsCommitted_IsRead()
    {
        string digest = await _fixture.AddAsync("hello", null, ("k", "v"));
        Assert.Equal(Fixture.Sha256("hello"u8.ToArray()), digest);
        Assert.Equal("hello"u8.ToArray(), await _fixture.ReadAsync(new ReadContentRequest { Digest = digest }));
        Assert.Equal("ll"u8.ToArray(), await _fixture.ReadAsync(new ReadContentRequest { Digest = digest, Offset = 2, Size = 2 }));
        Assert.Equal("lo"u8.ToArray(), await _fixture.ReadAsync(new ReadContentRequest { Digest = digest, Offset = 3, Size = 99 }));
        Info info = _fixture.Contents.Find("test", digest);
        Assert.Equal(5, info.Size);
        Assert.Equal("v", info.Labels["k"]);
        string file = Path.Combine(_fixture.Root, "content", "blobs", "sha256", digest[7..]);
        Assert.Equal("hello", File.ReadAllText(file));
        Assert.Empty(Directory.GetDirectories(Path.Combine(_fixture.Root, "content", "ingest")));
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => _fixture.ReadAsync(new ReadContentRequest { Digest = digest, Offset = 6 }));
        Assert.Equal(RpcStatus.OutOfRange, e.Status);
    }

    [Fact]
    public async Task ALargeBlob_ArrivesWhole()
    {
        string text = new('x', (3 << 20) + 17);
        string digest = await _fixture.AddAsync(text);
        Assert.Equal(Encoding.UTF8.GetBytes(text), await _fixture.ReadAsync(new ReadContentRequest { Digest = digest }));
    }

    [Fact]
    public async Task ABrokenOffWrite_IsGoneOnWith()
    {
        await _fixture.WriteAsync(Fixture.Context(), Write("r", 0, "hel"));
        StatusResponse status = _fixture.Contents.Status(new StatusRequest { Ref = "r" }, Fixture.Context());
        Assert.Equal(3, status.Status.Offset);
        Assert.Equal("r", Assert.Single(_fixture.Contents.ListStatuses(new ListStatusesRequest(), Fixture.Context()).Statuses).Ref);

        List<WriteContentResponse> answers = await _fixture.WriteAsync(
            Fixture.Context(),
            new WriteContentRequest { Action = WriteAction.Stat, Ref = "r" },
            Write("r", 3, "lo"),
            new WriteContentRequest { Action = WriteAction.Commit, Offset = 5, Total = 5, Expected = Fixture.Sha256("hello"u8.ToArray()) });
        Assert.Equal([3L, 5L, 5L], answers.Select(a => a.Offset));
        Assert.Equal(Fixture.Sha256("hel"u8.ToArray()), answers[0].Digest);
        Assert.Equal("hello"u8.ToArray(), await _fixture.ReadAsync(new ReadContentRequest { Digest = answers[2].Digest }));
    }

    [Fact]
    public async Task AWriteSurvivesTheDaemon()
    {
        await _fixture.WriteAsync(Fixture.Context(), Write("r", 0, "hel"));
        await _fixture.CloseAsync();
        await using Fixture again = new(_fixture.Root);
        List<WriteContentResponse> answers = await again.WriteAsync(
            Fixture.Context(), Write("r", 3, "lo"), new WriteContentRequest { Action = WriteAction.Commit, Offset = 5 });
        Assert.Equal(Fixture.Sha256("hello"u8.ToArray()), answers[^1].Digest);
    }

    [Fact]
    public async Task WritingAtZeroAgain_BeginsAnew()
    {
        List<WriteContentResponse> answers = await _fixture.WriteAsync(
            Fixture.Context(), Write("r", 0, "wrong"), Write("r", 0, "ok"), new WriteContentRequest { Action = WriteAction.Commit, Offset = 2 });
        Assert.Equal(Fixture.Sha256("ok"u8.ToArray()), answers[^1].Digest);
    }

    [Theory]
    [InlineData("hello", 5)]
    [InlineData("hellx", 0)]
    [InlineData("", 0)]
    public async Task ABlobWithoutARecord_IsTakenOverIfItIsWhole(string found, long offset)
    {
        string digest = Fixture.Sha256("hello"u8.ToArray());
        File.WriteAllText(_fixture.Store.BlobPath(digest), found);
        List<WriteContentResponse> answers = await _fixture.WriteAsync(
            Fixture.Context(), new WriteContentRequest { Action = WriteAction.Stat, Ref = "r", Expected = digest });
        Assert.Equal(offset, answers[0].Offset);
        Assert.Equal(digest, await _fixture.AddAsync("hello"));
        Assert.Equal("hello"u8.ToArray(), await _fixture.ReadAsync(new ReadContentRequest { Digest = digest }));
    }

    [Fact]
    public async Task AWriteThatWentOnWithDamagedData_BeginsAnewAfterwards()
    {
        string digest = Fixture.Sha256("hello"u8.ToArray());
        await _fixture.WriteAsync(Fixture.Context(), Write("r", 0, "hxl"));
        WriteContentRequest commit = new() { Action = WriteAction.Commit, Offset = 5, Expected = digest };
        await Assert.ThrowsAsync<RpcException>(() => _fixture.WriteAsync(Fixture.Context(), Write("r", 3, "lo"), commit));
        List<WriteContentResponse> answers = await _fixture.WriteAsync(
            Fixture.Context(), new WriteContentRequest { Action = WriteAction.Stat, Ref = "r" }, Write("r", 0, "hello"), commit);
        Assert.Equal((0L, digest), (answers[0].Offset, answers[^1].Digest));
    }

    [Fact]
    public async Task AGap_IsRefused()
    {
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => _fixture.WriteAsync(Fixture.Context(), Write("r", 0, "ab"), Write("r", 3, "d")));
        Assert.Equal(RpcStatus.OutOfRange, e.Status);
        Assert.Equal("write @3 must occur at current offset 2", e.Message);
    }

    [Fact]
    public async Task AnotherDigest_IsRefusedAndNothingIsVisible()
    {
        string expected = Fixture.Sha256("right"u8.ToArray());
        string actual = Fixture.Sha256("wrong"u8.ToArray());
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => _fixture.WriteAsync(
            Fixture.Context(), new WriteContentRequest { Action = WriteAction.Commit, Ref = "r", Expected = expected, Data = ByteString.CopyFromUtf8("wrong") }));
        Assert.Equal(RpcStatus.FailedPrecondition, e.Status);
        Assert.Equal($"unexpected commit digest {actual}, expected {expected}: failed precondition", e.Message);
        Assert.False(_fixture.HasBlob(actual));
        Assert.False(_fixture.HasBlob(expected));
        e = Assert.Throws<RpcException>(() => _fixture.Contents.Find("test", expected));
        Assert.Equal($"content digest {expected}: not found", e.Message);
    }

    [Fact]
    public async Task AnotherSize_IsRefused()
    {
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => _fixture.WriteAsync(
            Fixture.Context(), new WriteContentRequest { Action = WriteAction.Commit, Ref = "r", Total = 9, Data = ByteString.CopyFromUtf8("abc") }));
        Assert.Equal(RpcStatus.FailedPrecondition, e.Status);
        Assert.Equal("\"r\" failed size validation: 3 != 9: failed precondition", e.Message);
    }

    [Fact]
    public async Task WhatIsThere_IsNotWrittenAgain()
    {
        string digest = await _fixture.AddAsync("hello");
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => _fixture.AddAsync("hello"));
        Assert.Equal(RpcStatus.AlreadyExists, e.Status);
        Assert.Equal($"content {digest}: already exists", e.Message);
    }

    [Fact]
    public async Task ASecondWriterOfTheSameRef_IsToldToWait()
    {
        using var gate = new SemaphoreSlim(0);
        var first = new Slow(Write("r", 0, "a"), gate);
        var answers = new Fixture.Collected<WriteContentResponse>();
        Task writing = _fixture.Contents.WriteAsync(first, answers, Fixture.Context()).AsTask();
        await answers.Arriving.ReadAsync(TestContext.Current.CancellationToken);
        RpcException e = await Assert.ThrowsAsync<RpcException>(() => _fixture.WriteAsync(Fixture.Context(), Write("r", 0, "b")));
        Assert.Equal(RpcStatus.Unavailable, e.Status);
        Assert.StartsWith("ref test/1/r locked for ", e.Message, StringComparison.Ordinal);
        gate.Release();
        await writing;
        await _fixture.WriteAsync(Fixture.Context(), Write("r", 0, "b"));
    }

    [Fact]
    public async Task AnotherNamespace_SeesNothingButNeedsNoSecondCopy()
    {
        string digest = await _fixture.AddAsync("hello");
        RpcContext other = Fixture.Context("other");
        Assert.Throws<RpcException>(() => _fixture.Contents.Find("other", digest));
        List<WriteContentResponse> answers = await _fixture.WriteAsync(
            other,
            new WriteContentRequest { Action = WriteAction.Stat, Ref = "r", Expected = digest, Total = 5 },
            new WriteContentRequest { Action = WriteAction.Commit, Ref = "r", Expected = digest, Total = 5, Offset = 5 });
        Assert.Equal(5, answers[0].Offset);
        Assert.Equal("hello"u8.ToArray(), await _fixture.ReadAsync(new ReadContentRequest { Digest = digest }, other));

        // One namespace's deletion must not take the other's blob.
        _fixture.Contents.Delete(new DeleteContentRequest { Digest = digest }, Fixture.Context());
        await _fixture.Leases.DeleteAsync(
            new AotRuntime.Rpc.Containerd.Leases.DeleteRequest { Id = Lease(other, digest), Sync = false }, other);
        Assert.True(_fixture.HasBlob(digest));
    }

    private string Lease(RpcContext context, string digest)
    {
        _fixture.Leases.Create(new AotRuntime.Rpc.Containerd.Leases.CreateRequest { Id = "keep" }, context);
        _fixture.Leases.AddResource(
            new AotRuntime.Rpc.Containerd.Leases.AddResourceRequest { Id = "keep", Resource = new() { Type = "content", Id = digest } }, context);
        return "keep";
    }

    [Fact]
    public async Task Abort_ForgetsAWrite()
    {
        await _fixture.WriteAsync(Fixture.Context(), Write("r", 0, "abc"));
        _fixture.Contents.Abort(new AbortRequest { Ref = "r" }, Fixture.Context());
        Assert.Empty(_fixture.Contents.ListStatuses(new ListStatusesRequest(), Fixture.Context()).Statuses);
        RpcException e = Assert.Throws<RpcException>(() => _fixture.Contents.Abort(new AbortRequest { Ref = "r" }, Fixture.Context()));
        Assert.Equal("reference r: not found", e.Message);
    }

    [Theory]
    [InlineData("sha256:../../../../etc/passwd")]
    [InlineData("sha256:ABCDEF")]
    [InlineData("")]
    [InlineData("md5:d41d8cd98f00b204e9800998ecf8427e")]
    public void WhatIsNoDigest_NeverBecomesAPath(string digest)
    {
        RpcException e = Assert.Throws<RpcException>(() => _fixture.Contents.Find("test", digest));
        Assert.Equal(RpcStatus.InvalidArgument, e.Status);
        Assert.Throws<RpcException>(() => _fixture.Store.BlobPath(digest));
    }

    [Fact]
    public async Task Labels_AreUpdatedByMask()
    {
        string digest = await _fixture.AddAsync("hello", null, ("a", "1"), ("b", "2"));
        UpdateRequest request = new() { Info = new Info { Digest = digest }, UpdateMask = new() };
        request.Info.Labels["a"] = "3";
        request.UpdateMask.Paths.Add("labels.a");
        request.UpdateMask.Paths.Add("labels.b");
        Info updated = _fixture.Contents.Update(request, Fixture.Context()).Info;
        Assert.Equal("3", updated.Labels["a"]);
        Assert.False(updated.Labels.ContainsKey("b"));
        request.UpdateMask.Paths.Add("size");
        Assert.Equal(RpcStatus.InvalidArgument, Assert.Throws<RpcException>(() => _fixture.Contents.Update(request, Fixture.Context())).Status);
    }

    [Fact]
    public void TheNamespace_IsRequiredAndChecked()
    {
        RpcException e = Assert.Throws<RpcException>(
            () => _fixture.Contents.ListStatuses(new ListStatusesRequest(), Fixture.Context(null)));
        Assert.Equal("namespace is required: failed precondition", e.Message);
        Assert.Equal(RpcStatus.FailedPrecondition, e.Status);
        foreach (string bad in (string[])["../x", "a/b", "-a", "a..b", "a_", new string('a', 77)])
        {
            e = Assert.Throws<RpcException>(() => _fixture.Contents.ListStatuses(new ListStatusesRequest(), Fixture.Context(bad)));
            Assert.Equal(RpcStatus.InvalidArgument, e.Status);
        }
        _fixture.Contents.ListStatuses(new ListStatusesRequest(), Fixture.Context("k8s.io"));
    }

    private sealed class Slow(WriteContentRequest first, SemaphoreSlim gate) : IRpcReader<WriteContentRequest>
    {
        private bool _sent;

        public async ValueTask<WriteContentRequest?> ReadAsync(CancellationToken cancellationToken = default)
        {
            if (!_sent)
            {
                _sent = true;
                return first;
            }
            await gate.WaitAsync(cancellationToken);
            return null;
        }
    }
}
