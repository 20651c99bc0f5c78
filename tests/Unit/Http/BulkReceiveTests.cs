using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>A connection on which much comes in a row, which is received ahead of its reader and not waited for by the loop.</summary>
public sealed class BulkReceiveTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static async Task WithConnectionAsync(string kind, Func<PipeWriter, PipeReader, Task> work)
    {
        string name = $"@aotruntime-test-{Guid.NewGuid():n}";
        await using TransportListener listener = kind == "unix" ? Transport.ListenUnix(name) : Transport.ListenTcp("127.0.0.1", 0);
        await using TransportConnection client = kind == "unix"
            ? await Transport.ConnectUnixAsync(name, Token)
            : await Transport.ConnectTcpAsync("127.0.0.1", new Uri(listener.Address).Port, Token);
        await using TransportConnection server = (await listener.AcceptAsync(Token))!;
        try
        {
            await work(client.Output, server.Input).WaitAsync(TimeSpan.FromMinutes(1), Token);
        }
        catch (TimeoutException)
        {
            // What is not read is not waited for.
            client.Abort();
            throw;
        }
    }

    private static async Task<int> ReadAsync(PipeReader reader, int octets)
    {
        int read = 0;
        while (read < octets)
        {
            ReadResult result = await reader.ReadAsync(Token);
            read += (int)result.Buffer.Length;
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
                break;
        }
        return read;
    }

    [Theory]
    [InlineData("unix")]
    [InlineData("tcp")]
    public Task What_comes_after_a_burst_is_told_however_little_it_is(string kind) => WithConnectionAsync(kind, async (writer, reader) =>
    {
        Random random = new(1);
        byte[] burst = new byte[700_000];
        for (int i = 0; i < 40; i++)
        {
            int size = random.Next(1, burst.Length);
            Task<int> read = ReadAsync(reader, size);
            await writer.WriteAsync(burst.AsMemory(0, size), Token);
            Assert.Equal(size, await read);
            for (int j = 0; j < 3; j++)
            {
                // Sometimes before anybody waits for it, sometimes after.
                Task<int> one = i % 2 == 0 ? ReadAsync(reader, 1) : Task.FromResult(0);
                await Task.Delay(random.Next(3), Token);
                await writer.WriteAsync(burst.AsMemory(0, 1), Token);
                Assert.Equal(1, i % 2 == 0 ? await one : await ReadAsync(reader, 1));
            }
        }
    });

    [Theory]
    [InlineData("unix")]
    [InlineData("tcp")]
    public Task The_end_after_a_burst_is_told(string kind) => WithConnectionAsync(kind, async (writer, reader) =>
    {
        Task<int> read = ReadAsync(reader, int.MaxValue);
        await writer.WriteAsync(new byte[3_000_000], Token);
        await Task.Delay(50, Token);
        await writer.CompleteAsync();
        Assert.Equal(3_000_000, await read);
    });

    [Fact]
    public Task A_wait_after_a_burst_can_be_cancelled() => WithConnectionAsync("unix", async (writer, reader) =>
    {
        Task<int> read = ReadAsync(reader, 2_000_000);
        await writer.WriteAsync(new byte[2_000_000], Token);
        await read;
        ValueTask<ReadResult> wait = reader.ReadAsync(Token);
        await Task.Delay(20, Token);
        reader.CancelPendingRead();
        Assert.True((await wait).IsCanceled);
        using CancellationTokenSource source = new(20);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reader.ReadAsync(source.Token));
        await writer.WriteAsync(new byte[1], Token);
        Assert.Equal(1, await ReadAsync(reader, 1));
    });

    /// <summary>Whoever works on what he has been given is not buried under what comes meanwhile.</summary>
    [Fact]
    public Task No_more_is_received_ahead_than_a_limit() => WithConnectionAsync("unix", async (writer, reader) =>
    {
        const int size = 64 << 20;
        byte[] sent = new byte[size], received = new byte[size];
        new Random(2).NextBytes(sent);
        Task<FlushResult> write = writer.WriteAsync(sent, Token).AsTask();
        int read = 0;
        // The reader goes on for a while, so that much is received ahead, and then stops with a buffer in its hands.
        while (read < 8 << 20)
            await TakeAsync();
        ReadResult held = await reader.ReadAsync(Token);
        long length = held.Buffer.Length;
        await Task.Delay(200, Token);
        Assert.False(write.IsCompleted);
        reader.AdvanceTo(held.Buffer.Start);
        Assert.InRange(await TakeAsync(), length, length + (1 << 20));
        while (read < size)
            await TakeAsync();
        await write;
        Assert.True(sent.AsSpan().SequenceEqual(received));

        async Task<int> TakeAsync()
        {
            ReadResult result = await reader.ReadAsync(Token);
            int count = (int)result.Buffer.Length;
            result.Buffer.CopyTo(received.AsSpan(read));
            reader.AdvanceTo(result.Buffer.End);
            read += count;
            return count;
        }
    });
}
