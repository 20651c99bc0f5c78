using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.Http;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using AotRuntime.Rpc.Containerd.Shim;
using AotRuntime.Rpc.Ttrpc;

namespace AotRuntime.Tests.Unit.Rpc;

public class TtrpcTests
{
    private static RpcServiceTable Table()
    {
        RpcServiceTable table = new();
        table.Unary(ShimTaskMethods.V2.Connect, (request, context) => request.Id switch
        {
            "fail" => throw new RpcException(RpcStatus.NotFound, "no such task"),
            "crash" => throw new InvalidOperationException("boom"),
            "meta" => new ConnectResponse { Version = context.Metadata["k"] + (context.Deadline is null ? "" : "!") },
            _ => new ConnectResponse { Version = request.Id, ShimPid = 7 },
        });
        table.Unary(ShimTaskMethods.V2.Wait, async (_, context) =>
        {
            await Task.Delay(Timeout.Infinite, context.Cancelled);
            return new WaitResponse();
        });
        table.ServerStream(ContentMethods.Read, async (request, writer, _) =>
        {
            for (int i = 0; i < request.Size; i++)
                await writer.WriteAsync(new ReadContentResponse { Offset = i });
        });
        table.Duplex(ContentMethods.Write, async (reader, writer, _) =>
        {
            while (await reader.ReadAsync() is { } message)
                await writer.WriteAsync(new WriteContentResponse { Offset = message.Offset + 1 });
        });
        return table;
    }

    private static TransportConnection Serve(TtrpcOptions? options = null, CancellationToken stopping = default)
    {
        (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
        _ = new TtrpcServer(Table(), options).ServeAsync(server, stopping);
        return client;
    }

    private static TtrpcChannel Channel(TtrpcOptions? options = null) =>
        new(_ => ValueTask.FromResult(Serve(options)), "memory", options ?? TtrpcOptions.Default);

    private static async Task<(TtrpcFrame Frame, byte[] Body)> ReadFrameAsync(PipeReader input)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        while (true)
        {
            ReadResult result = await input.ReadAsync(patience.Token);
            if (TtrpcFrame.TryRead(result.Buffer, out TtrpcFrame frame) && result.Buffer.Length >= TtrpcFrame.HeaderBytes + frame.Length)
            {
                byte[] body = result.Buffer.Slice(TtrpcFrame.HeaderBytes, frame.Length).ToArray();
                input.AdvanceTo(result.Buffer.GetPosition(TtrpcFrame.HeaderBytes + frame.Length));
                return (frame, body);
            }
            input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            Assert.False(result.IsCompleted, "the connection ended");
        }
    }

    private static (RpcStatus Status, string Message, byte[] Payload) Response(byte[] body)
    {
        Assert.True(TtrpcResponse.TryRead(new ReadOnlySequence<byte>(body), out TtrpcResponse response));
        return (response.Status, response.Message, response.Payload.ToArray());
    }

    [Fact]
    public void A_request_frame_is_what_Go_writes()
    {
        byte[] frame = TtrpcRequest.Frame(
            3, TtrpcFlags.None, "a.B", "C", new ConnectRequest { Id = "x" }, 1_000_000_000, new HttpHeaders { { "k", "v" } }, 1 << 20);
        Assert.Equal(
            "0000001b" + "00000003" + "01" + "00" // length, stream, request, no flags
            + "0a03612e42" + "120143" + "1a030a0178" + "208094ebdc03" + "2a060a016b120176", Convert.ToHexStringLower(frame));
    }

    [Fact]
    public async Task Frames_cut_into_single_octets_are_understood_alike()
    {
        TransportConnection client = Serve();
        byte[] frames =
        [
            .. TtrpcRequest.Frame(1, TtrpcFlags.None, "containerd.task.v2.Task", "Connect", new ConnectRequest { Id = "one" }, 0, null, 1 << 20),
            .. TtrpcRequest.Frame(3, TtrpcFlags.None, "containerd.task.v2.Task", "Connect", new ConnectRequest(), 0, null, 1 << 20),
        ];
        foreach (byte octet in frames)
        {
            await client.Output.WriteAsync(new[] { octet });
            await Task.Yield();
        }
        Dictionary<uint, ConnectResponse> answers = [];
        for (int i = 0; i < 2; i++)
        {
            (TtrpcFrame frame, byte[] body) = await ReadFrameAsync(client.Input);
            Assert.Equal(TtrpcFrameType.Response, frame.Type);
            answers[frame.StreamId] = ConnectResponse.Parser.ParseFrom(Response(body).Payload);
        }
        Assert.Equal("one", answers[1].Version);
        Assert.Equal(7u, answers[3].ShimPid);
    }

    [Theory]
    [InlineData(2, "Task", "Connect", RpcStatus.InvalidArgument, "StreamID must be odd for client initiated streams")]
    [InlineData(1, "Nobody", "Connect", RpcStatus.Unimplemented, "service containerd.task.v2.Nobody")]
    [InlineData(1, "Task", "Nothing", RpcStatus.Unimplemented, "method Nothing")]
    public async Task Requests_that_cannot_be_served_are_answered_as_Go_does(int id, string service, string method, RpcStatus status, string message)
    {
        TransportConnection client = Serve();
        await client.Output.WriteAsync(TtrpcRequest.Frame((uint)id, TtrpcFlags.None, "containerd.task.v2." + service, method, null, 0, null, 1 << 20));
        (TtrpcFrame frame, byte[] body) = await ReadFrameAsync(client.Input);
        Assert.Equal((uint)id, frame.StreamId);
        Assert.Equal((status, message), (Response(body).Status, Response(body).Message));
    }

    [Fact]
    public async Task A_stream_id_cannot_be_used_again()
    {
        TransportConnection client = Serve();
        byte[] frame = TtrpcRequest.Frame(5, TtrpcFlags.None, "containerd.task.v2.Task", "Connect", null, 0, null, 1 << 20);
        await client.Output.WriteAsync(frame);
        Assert.Equal(RpcStatus.OK, Response((await ReadFrameAsync(client.Input)).Body).Status);
        await client.Output.WriteAsync(frame);
        Assert.Equal(RpcStatus.InvalidArgument, Response((await ReadFrameAsync(client.Input)).Body).Status);
    }

    [Fact]
    public async Task A_frame_beyond_the_limit_is_passed_over_and_refused()
    {
        TransportConnection client = Serve(new TtrpcOptions { MaxMessageBytes = 1000 });
        byte[] frame = new byte[TtrpcFrame.HeaderBytes + 5000];
        new TtrpcFrame(5000, 1, TtrpcFrameType.Request, TtrpcFlags.None).Write(frame);
        await client.Output.WriteAsync(frame);
        (RpcStatus status, string message, _) = Response((await ReadFrameAsync(client.Input)).Body);
        Assert.Equal((RpcStatus.ResourceExhausted, "message length 5000 exceed maximum message size of 1000"), (status, message));
        await client.Output.WriteAsync(TtrpcRequest.Frame(3, TtrpcFlags.None, "containerd.task.v2.Task", "Connect", null, 0, null, 1 << 20));
        Assert.Equal(RpcStatus.OK, Response((await ReadFrameAsync(client.Input)).Body).Status);
    }

    [Fact]
    public async Task Random_bodies_never_take_the_connection_down()
    {
        Random random = new(5);
        TransportConnection client = Serve();
        for (uint id = 1; id < 400; id += 2)
        {
            byte[] frame = new byte[TtrpcFrame.HeaderBytes + random.Next(0, 60)];
            random.NextBytes(frame);
            new TtrpcFrame((uint)frame.Length - TtrpcFrame.HeaderBytes, id, TtrpcFrameType.Request, TtrpcFlags.None).Write(frame);
            await client.Output.WriteAsync(frame);
            Assert.Equal(id, (await ReadFrameAsync(client.Input)).Frame.StreamId);
        }
    }

    [Fact]
    public async Task Many_calls_run_on_one_connection()
    {
        await using TtrpcChannel channel = Channel();
        await Task.WhenAll(Enumerable.Range(0, 500).Select(async i =>
        {
            ConnectResponse response = await channel.UnaryAsync(ShimTaskMethods.V2.Connect, new ConnectRequest { Id = new string('x', i * 20) });
            Assert.Equal(i * 20, response.Version.Length);
        })).WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData("fail", RpcStatus.NotFound, "no such task")]
    [InlineData("crash", RpcStatus.Unknown, "boom")]
    public async Task Errors_arrive_as_statuses(string id, RpcStatus status, string message)
    {
        await using TtrpcChannel channel = Channel();
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await channel.UnaryAsync(ShimTaskMethods.V2.Connect, new ConnectRequest { Id = id }));
        Assert.Equal((status, message), (e.Status, e.Message));
    }

    [Fact]
    public async Task Metadata_and_deadline_reach_the_handler()
    {
        await using TtrpcChannel channel = Channel();
        RpcCallOptions options = new() { Metadata = new HttpHeaders { { "k", "välue" } }, Timeout = TimeSpan.FromMinutes(1) };
        Assert.Equal("välue!", (await channel.UnaryAsync(ShimTaskMethods.V2.Connect, new ConnectRequest { Id = "meta" }, options)).Version);
    }

    [Fact]
    public async Task A_deadline_ends_a_call_and_leaves_the_connection()
    {
        await using TtrpcChannel channel = Channel();
        RpcCallOptions options = new() { Timeout = TimeSpan.FromMilliseconds(50) };
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await channel.UnaryAsync(ShimTaskMethods.V2.Wait, new WaitRequest(), options));
        Assert.Equal(RpcStatus.DeadlineExceeded, e.Status);
        Assert.Equal("a", (await channel.UnaryAsync(ShimTaskMethods.V2.Connect, new ConnectRequest { Id = "a" })).Version);
    }

    [Fact]
    public async Task A_message_too_long_to_send_fails_its_call_only()
    {
        await using TtrpcChannel channel = Channel();
        RpcException e = await Assert.ThrowsAsync<RpcException>(
            async () => await channel.UnaryAsync(ShimTaskMethods.V2.Connect, new ConnectRequest { Id = new string('x', 5 << 20) }));
        Assert.Equal(RpcStatus.ResourceExhausted, e.Status);
        Assert.Equal("a", (await channel.UnaryAsync(ShimTaskMethods.V2.Connect, new ConnectRequest { Id = "a" })).Version);
    }

    [Fact]
    public async Task Streams_go_both_ways()
    {
        await using TtrpcChannel channel = Channel();
        await using (RpcCall<ReadContentRequest, ReadContentResponse> read = await channel.ServerStreamAsync(ContentMethods.Read, new ReadContentRequest { Size = 1000 }))
        {
            int n = 0;
            for (; await read.ReadAsync() is { } message; n++)
                Assert.Equal(n, message.Offset);
            Assert.Equal(1000, n);
        }
        await using RpcCall<WriteContentRequest, WriteContentResponse> write = await channel.OpenAsync(ContentMethods.Write);
        for (int i = 0; i < 100; i++)
        {
            await write.WriteAsync(new WriteContentRequest { Offset = i });
            Assert.Equal(i + 1, (await write.ReadAsync())!.Offset);
        }
        await write.CompleteAsync();
        Assert.Null(await write.ReadAsync());
    }

    [Fact]
    public async Task A_lost_connection_fails_its_calls_and_the_next_call_reconnects()
    {
        List<TransportConnection> connections = [];
        await using TtrpcChannel channel = new(
            _ =>
            {
                connections.Add(Serve());
                return ValueTask.FromResult(connections[^1]);
            }, "memory", TtrpcOptions.Default);
        Task waiting = channel.UnaryAsync(ShimTaskMethods.V2.Wait, new WaitRequest()).AsTask();
        await channel.UnaryAsync(ShimTaskMethods.V2.Connect, new ConnectRequest());
        connections[0].Abort();
        Assert.Equal("ttrpc: closed", (await Assert.ThrowsAsync<RpcException>(() => waiting)).Message);
        Assert.Equal("b", (await channel.UnaryAsync(ShimTaskMethods.V2.Connect, new ConnectRequest { Id = "b" })).Version);
        Assert.Equal(2, connections.Count);
    }

    [Fact]
    public async Task Stopping_waits_for_running_calls()
    {
        RpcServiceTable table = new();
        TaskCompletionSource go = new(), started = new();
        table.Unary(ShimTaskMethods.V2.Shutdown, async (_, _) =>
        {
            started.SetResult();
            await go.Task;
            return new Google.Protobuf.WellKnownTypes.Empty();
        });
        (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
        using CancellationTokenSource stopping = new();
        Task serving = new TtrpcServer(table).ServeAsync(server, stopping.Token);
        await using TtrpcChannel channel = new(_ => ValueTask.FromResult(client), "memory", TtrpcOptions.Default);
        Task call = channel.UnaryAsync(ShimTaskMethods.V2.Shutdown, new ShutdownRequest()).AsTask();
        await started.Task.WaitAsync(TimeSpan.FromSeconds(60));
        stopping.Cancel();
        go.SetResult();
        await call.WaitAsync(TimeSpan.FromSeconds(60));
        await serving.WaitAsync(TimeSpan.FromSeconds(60));
    }
}
