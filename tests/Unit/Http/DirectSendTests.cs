using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>Large pieces, which a connection sends out of their writer's memory.</summary>
public sealed class DirectSendTests : IAsyncDisposable
{
    private const int PieceBytes = 3_000_000; // more than a socket holds

    private readonly string _name = $"@aotruntime-test-{Guid.NewGuid():n}";
    private readonly byte[] _piece = new byte[PieceBytes];
    private readonly byte[] _copy;
    private TransportListener? _listener;
    private TransportConnection? _client;
    private TransportConnection? _server;

    public DirectSendTests()
    {
        new Random(1).NextBytes(_piece);
        _copy = [.. _piece];
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        // What a failed test has not read is not waited for.
        _client?.Abort();
        _server?.Abort();
        if (_listener is not null)
            await _listener.DisposeAsync();
    }

    [Fact]
    public async Task Its_memory_is_the_writers_again_once_the_write_has_ended()
    {
        (PipeWriter writer, PipeReader reader) = await ConnectAsync();
        Task<byte[]> received = CollectAsync(reader);
        writer.Write("before "u8);
        for (int i = 0; i < 3; i++)
        {
            Assert.False((await writer.WriteAsync(_piece, Token)).IsCompleted);
            Array.Clear(_piece);
            _copy.CopyTo(_piece, 0);
            await writer.WriteAsync(" between "u8.ToArray(), Token);
        }
        await writer.CompleteAsync();
        byte[] all = await received;
        Assert.Equal([.. "before "u8, .. _copy, .. " between "u8, .. _copy, .. " between "u8, .. _copy, .. " between "u8], all);
    }

    [Fact]
    public async Task It_waits_for_its_reader_and_no_copy_of_it_is_made()
    {
        (PipeWriter writer, PipeReader reader) = await ConnectAsync();
        ValueTask<FlushResult> write = writer.WriteAsync(_piece, Token);
        await Task.Delay(100, Token);
        Assert.False(write.IsCompleted);
        // A copy would not see it.
        _piece[^1] ^= 0xff;
        _copy[^1] ^= 0xff;
        Task<byte[]> received = CollectAsync(reader);
        await write;
        await writer.CompleteAsync();
        Assert.Equal(_copy, await received);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cancelled_half_way_it_still_arrives_whole(bool byToken)
    {
        (PipeWriter writer, PipeReader reader) = await ConnectAsync();
        using CancellationTokenSource cancellation = new();
        Task<FlushResult> write = writer.WriteAsync(_piece, cancellation.Token).AsTask();
        Assert.False(write.IsCompleted);
        if (byToken)
        {
            cancellation.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);
        }
        else
        {
            writer.CancelPendingFlush();
            Assert.True((await write).IsCanceled);
        }
        Array.Clear(_piece);
        Task<byte[]> received = CollectAsync(reader);
        await writer.WriteAsync(" after"u8.ToArray(), Token);
        await writer.CompleteAsync();
        byte[] all = await received;
        Assert.Equal([.. _copy, .. " after"u8], all);
    }

    [Fact]
    public async Task A_token_that_was_cancelled_before_loses_nothing()
    {
        (PipeWriter writer, PipeReader reader) = await ConnectAsync();
        // What the socket does not hold waits before it.
        ValueTask<FlushResult> first = writer.WriteAsync(_piece, Token);
        writer.CancelPendingFlush();
        await first;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await writer.WriteAsync(_piece, new CancellationToken(true)));
        Task<byte[]> received = CollectAsync(reader);
        await writer.CompleteAsync();
        byte[] all = await received;
        Assert.Equal([.. _copy, .. _copy], all);
    }

    [Fact]
    public async Task A_peer_that_vanishes_ends_it()
    {
        (PipeWriter writer, _) = await ConnectAsync();
        Task<FlushResult> write = writer.WriteAsync(_piece, Token).AsTask();
        Assert.False(write.IsCompleted);
        await _server!.DisposeAsync();
        Assert.True((await write).IsCompleted);
        Assert.True((await writer.WriteAsync(_piece, Token)).IsCompleted);
    }

    [Fact]
    public async Task A_peer_that_is_gone_already_is_told_by_the_first_write()
    {
        (PipeWriter writer, _) = await ConnectAsync();
        await _server!.DisposeAsync();
        Assert.True((await writer.WriteAsync(_piece, Token)).IsCompleted);
    }

    private async Task<(PipeWriter, PipeReader)> ConnectAsync()
    {
        _listener = Transport.ListenUnix(_name);
        _client = await Transport.ConnectUnixAsync(_name, Token);
        _server = await _listener.AcceptAsync(Token);
        return (_client.Output, _server!.Input);
    }

    private static async Task<byte[]> CollectAsync(PipeReader reader)
    {
        MemoryStream all = new();
        await reader.CopyToAsync(all, Token);
        return all.ToArray();
    }
}
