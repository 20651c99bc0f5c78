using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using AotRuntime.Http;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using AotRuntime.Rpc.Containerd.Namespaces;
using AotRuntime.Rpc.Grpc;
using AotRuntime.Rpc.Health;
using Google.Protobuf;

namespace AotRuntime.Tests.Unit.Rpc;

public class GrpcTests
{
    private static readonly TaskCompletionSource s_cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static RpcServiceTable Table()
    {
        RpcServiceTable table = new();
        table.Unary(NamespacesMethods.Get, (request, context) => request.Name switch
        {
            "missing" => throw new RpcException(RpcStatus.NotFound, "namespace \"missing\": not found\n100% – ü"),
            "crash" => throw new InvalidOperationException("boom"),
            "meta" => Answer(context.Metadata["containerd-namespace"] + (context.Deadline is null ? "" : "!")),
            _ => Answer(request.Name),
        });
        table.Unary(NamespacesMethods.Delete, async (_, context) =>
        {
            using CancellationTokenRegistration registration = context.Cancelled.Register(() => s_cancelled.TrySetResult());
            await Task.Delay(Timeout.Infinite, context.Cancelled);
            return new Google.Protobuf.WellKnownTypes.Empty();
        });
        table.ServerStream(ContentMethods.Read, async (request, writer, context) =>
        {
            for (int i = 0; i < request.Size; i++)
                await writer.WriteAsync(new ReadContentResponse { Offset = i, Data = ByteString.CopyFrom(new byte[request.Offset]) });
            if (request.Digest.Length > 0)
                throw new RpcException(RpcStatus.DataLoss, request.Digest);
        });
        table.Duplex(ContentMethods.Write, async (reader, writer, _) =>
        {
            long sum = 0;
            while (await reader.ReadAsync() is { } message)
            {
                sum += message.Data.Length;
                if (message.Action != WriteAction.Stat)
                    await writer.WriteAsync(new WriteContentResponse { Offset = sum });
            }
            await writer.WriteAsync(new WriteContentResponse { Total = sum });
        });
        GrpcHealth.AddTo(table);
        return table;

        static GetNamespaceResponse Answer(string name) => new() { Namespace = new Namespace { Name = name } };
    }

    private static TransportConnection Serve(CancellationToken stopping = default)
    {
        (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
        _ = new HttpServer(new GrpcServer(Table()).HandleAsync).ServeConnectionAsync(server, stopping);
        return client;
    }

    private static GrpcChannel Channel(GrpcOptions? options = null) =>
        new(_ => ValueTask.FromResult(Serve()), "unix /run/x.sock", options ?? GrpcOptions.Default);

    private static RpcAnswer<GetNamespaceResponse> GetAsync(RpcChannel channel, string name, RpcCallOptions options = default) =>
        channel.UnaryAsync(NamespacesMethods.Get, new GetNamespaceRequest { Name = name }, options);

    [Fact]
    public async Task A_unary_call_is_answered()
    {
        await using GrpcChannel channel = Channel();
        Assert.Equal("x", (await GetAsync(channel, "x")).Namespace.Name);
        Assert.Equal("", (await GetAsync(channel, "")).Namespace.Name); // an empty message is a message
    }

    [Theory]
    [InlineData("missing", RpcStatus.NotFound, "namespace \"missing\": not found\n100% – ü")]
    [InlineData("crash", RpcStatus.Unknown, "boom")]
    public async Task Errors_arrive_as_statuses_with_their_text(string name, RpcStatus status, string message)
    {
        await using GrpcChannel channel = Channel();
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await GetAsync(channel, name));
        Assert.Equal((status, message), (e.Status, e.Message));
    }

    [Fact]
    public async Task Unknown_services_and_methods_are_unimplemented()
    {
        await using GrpcChannel channel = Channel();
        RpcMethod<GetNamespaceRequest, GetNamespaceResponse> service = new("a.B", "C", GetNamespaceRequest.Parser, GetNamespaceResponse.Parser);
        RpcMethod<GetNamespaceRequest, GetNamespaceResponse> method = new("grpc.health.v1.Health", "No", GetNamespaceRequest.Parser, GetNamespaceResponse.Parser);
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await channel.UnaryAsync(service, new GetNamespaceRequest()));
        Assert.Equal((RpcStatus.Unimplemented, "unknown service a.B"), (e.Status, e.Message));
        e = await Assert.ThrowsAsync<RpcException>(async () => await channel.UnaryAsync(method, new GetNamespaceRequest()));
        Assert.Equal((RpcStatus.Unimplemented, "unknown method No for service grpc.health.v1.Health"), (e.Status, e.Message));
    }

    [Fact]
    public async Task Metadata_and_deadline_reach_the_handler()
    {
        await using GrpcChannel channel = Channel();
        RpcCallOptions options = new() { Metadata = new HttpHeaders { { "containerd-namespace", "moby" } }, Timeout = TimeSpan.FromMinutes(1) };
        Assert.Equal("moby!", (await GetAsync(channel, "meta", options)).Namespace.Name);
    }

    [Fact]
    public async Task A_deadline_ends_the_call_on_both_sides()
    {
        await using GrpcChannel channel = Channel();
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await channel.UnaryAsync(
            NamespacesMethods.Delete, new DeleteNamespaceRequest(), new RpcCallOptions { Timeout = TimeSpan.FromMilliseconds(50) }));
        Assert.Equal((RpcStatus.DeadlineExceeded, "context deadline exceeded"), (e.Status, e.Message));
        await s_cancelled.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal("x", (await GetAsync(channel, "x")).Namespace.Name);
    }

    [Theory]
    [InlineData(false, RpcStatus.DeadlineExceeded)]
    [InlineData(true, RpcStatus.Cancelled)]
    public async Task A_deadline_is_told_by_who_cancelled_and_not_by_the_clock(bool clientGone, RpcStatus status)
    {
        RpcContext context = new()
        {
            Metadata = [],
            Cancelled = new CancellationToken(canceled: true),
            ClientGone = new CancellationToken(clientGone),
            Deadline = DateTimeOffset.UtcNow.AddMinutes(1),
        };
        Assert.Equal(status, (await RpcOutcome.OfAsync(new CancelledHandler(), null!, context))!.Status);
    }

    private sealed class CancelledHandler : RpcHandler
    {
        public override MessageParser RequestParser => GetNamespaceRequest.Parser;

        public override ValueTask InvokeAsync(RpcServerCall call, RpcContext context) => throw new OperationCanceledException(context.Cancelled);
    }

    [Fact]
    public async Task Cancelling_a_call_is_told_to_the_caller_and_leaves_the_connection()
    {
        await using GrpcChannel channel = Channel();
        using CancellationTokenSource cancel = new(50);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await channel.UnaryAsync(NamespacesMethods.Delete, new DeleteNamespaceRequest(), default, cancel.Token));
        Assert.Equal("x", (await GetAsync(channel, "x")).Namespace.Name);
    }

    [Fact]
    public async Task Responses_stream_in_order_and_end_with_a_status()
    {
        await using GrpcChannel channel = Channel();
        await using (RpcCall<ReadContentRequest, ReadContentResponse> call = await channel.ServerStreamAsync(ContentMethods.Read, new ReadContentRequest { Size = 2000, Offset = 1000 }))
        {
            int n = 0;
            for (; await call.ReadAsync() is { } message; n++)
                Assert.Equal((n, 1000), (message.Offset, message.Data.Length));
            Assert.Equal(2000, n);
        }
        await using RpcCall<ReadContentRequest, ReadContentResponse> failing = await channel.ServerStreamAsync(ContentMethods.Read, new ReadContentRequest { Size = 1, Digest = "bad" });
        Assert.NotNull(await failing.ReadAsync());
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await failing.ReadAsync());
        Assert.Equal((RpcStatus.DataLoss, "bad"), (e.Status, e.Message));
    }

    [Fact]
    public async Task Both_sides_stream_at_once_with_messages_larger_than_the_window()
    {
        await using GrpcChannel channel = Channel();
        await using RpcCall<WriteContentRequest, WriteContentResponse> call = await channel.OpenAsync(ContentMethods.Write);
        ByteString chunk = ByteString.CopyFrom(new byte[3 << 20]);
        for (int i = 1; i <= 5; i++)
        {
            await call.WriteAsync(new WriteContentRequest { Action = WriteAction.Write, Data = chunk });
            Assert.Equal(i * (3L << 20), (await call.ReadAsync())!.Offset);
        }
        await call.CompleteAsync();
        Assert.Equal(15L << 20, (await call.ReadAsync())!.Total);
        Assert.Null(await call.ReadAsync());
    }

    [Fact]
    public async Task Messages_beyond_the_limit_are_refused_on_both_sides()
    {
        await using GrpcChannel small = Channel(new GrpcOptions { MaxReceiveMessageBytes = 100, MaxSendMessageBytes = 20 << 20 });
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await GetAsync(small, new string('x', 200)));
        Assert.Equal((RpcStatus.ResourceExhausted, "grpc: received message larger than max (206 vs. 100)"), (e.Status, e.Message));
        e = await Assert.ThrowsAsync<RpcException>(async () => await GetAsync(small, new string('x', 17 << 20)));
        Assert.Equal(RpcStatus.ResourceExhausted, e.Status);
        e = await Assert.ThrowsAsync<RpcException>(async () => await GetAsync(small, new string('x', 21 << 20)));
        Assert.StartsWith("grpc: trying to send message larger than max", e.Message);
    }

    [Fact]
    public async Task Many_calls_run_on_one_connection()
    {
        await using GrpcChannel channel = Channel();
        await Task.WhenAll(Enumerable.Range(0, 1000).Select(async i =>
            Assert.Equal($"n{i}", (await GetAsync(channel, $"n{i}")).Namespace.Name))).WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Health_is_told()
    {
        await using GrpcChannel channel = Channel();
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, (await channel.UnaryAsync(HealthMethods.Check, new HealthCheckRequest())).Status);
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await channel.UnaryAsync(HealthMethods.Check, new HealthCheckRequest { Service = "no" }));
        Assert.Equal((RpcStatus.NotFound, "unknown service"), (e.Status, e.Message));
        foreach ((string service, HealthCheckResponse.Types.ServingStatus expected) in new[] { (ContentMethods.Service, HealthCheckResponse.Types.ServingStatus.Serving), ("no", HealthCheckResponse.Types.ServingStatus.ServiceUnknown) })
        {
            await using RpcCall<HealthCheckRequest, HealthCheckResponse> watch = await channel.ServerStreamAsync(HealthMethods.Watch, new HealthCheckRequest { Service = service });
            Assert.Equal(expected, (await watch.ReadAsync())!.Status);
            Task<Google.Protobuf.IMessage?> next = watch.ReadAsync().AsTask();
            Assert.NotEqual(next, await Task.WhenAny(next, Task.Delay(100))); // it goes on watching
        }
    }

    [Fact]
    public async Task A_channel_reconnects_and_says_why_it_cannot()
    {
        bool refuse = false;
        List<TransportConnection> connections = [];
        await using GrpcChannel channel = new(
            _ =>
            {
                if (refuse)
                    throw new AotRuntime.Linux.LinuxException("connect", "", AotRuntime.Linux.Errno.ENOENT);
                connections.Add(Serve());
                return ValueTask.FromResult(connections[^1]);
            }, "unix /run/x.sock", GrpcOptions.Default);
        await GetAsync(channel, "a");
        Task hanging = channel.UnaryAsync(NamespacesMethods.Delete, new DeleteNamespaceRequest()).AsTask();
        await GetAsync(channel, "b");
        connections[0].Abort();
        Assert.Equal(RpcStatus.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => hanging)).Status);
        await GetAsync(channel, "c");
        Assert.Equal(2, connections.Count);
        refuse = true;
        connections[1].Abort();
        await Task.Delay(100);
        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await GetAsync(channel, "d"));
        Assert.Equal(
            (RpcStatus.Unavailable, "connection error: desc = \"transport: Error while dialing: dial unix /run/x.sock: connect: no such file or directory\""),
            (e.Status, e.Message));
    }

    private static async Task<(HttpResponse Response, byte[] Body)> PostAsync(string path, byte[] body, params string[] headers)
    {
        Http2ClientConnection client = new(Serve());
        HttpHeaders fields = new() { { "content-type", "application/grpc" }, { "te", "trailers" } };
        foreach (string header in headers)
            fields.Add(header[..header.IndexOf(':')], header[(header.IndexOf(':') + 1)..]);
        HttpResponse response = await client.SendAsync(new HttpRequest { Method = "POST", Target = path, Headers = fields, Body = async (writer, cancellation) => await writer.WriteAsync(body, cancellation) });
        ReadResult all = await response.Body.ReadAtLeastAsync(1 << 20);
        return (response, all.Buffer.ToArray());
    }

    private static byte[] Message(byte flag, byte[] message)
    {
        byte[] framed = new byte[5 + message.Length];
        framed[0] = flag;
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), message.Length);
        message.CopyTo(framed, 5);
        return framed;
    }

    [Fact]
    public async Task Compressed_requests_are_taken()
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionMode.Compress, leaveOpen: true))
            gzip.Write(new GetNamespaceRequest { Name = new string('z', 10_000) }.ToByteArray());
        (HttpResponse response, byte[] body) = await PostAsync(NamespacesMethods.Get.Path, Message(1, packed.ToArray()), "grpc-encoding:gzip");
        Assert.Equal("0", response.Trailers["grpc-status"]);
        Assert.Equal(10_000, GetNamespaceResponse.Parser.ParseFrom(body.AsSpan(5)).Namespace.Name.Length);
    }

    [Fact]
    public async Task A_compressed_message_is_measured_as_it_unfolds()
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionMode.Compress, leaveOpen: true))
        {
            byte[] zeros = new byte[1 << 20];
            for (int i = 0; i < 100; i++)
                gzip.Write(zeros);
        }
        (HttpResponse response, _) = await PostAsync(NamespacesMethods.Get.Path, Message(1, packed.ToArray()), "grpc-encoding:gzip");
        Assert.Equal("8", response.Headers["grpc-status"]);
    }

    [Theory]
    [InlineData("", "13")] // no message
    [InlineData("00000000", "13")] // cut off in the prefix
    [InlineData("0000000005ff", "13")] // cut off in the message
    [InlineData("0000000001ff", "13")] // not a message
    [InlineData("0100000000", "13")] // compressed, but no coding told
    [InlineData("00ffffffff", "8")] // 4 GiB
    public async Task Malformed_messages_end_in_a_status(string hex, string status)
    {
        (HttpResponse response, _) = await PostAsync(NamespacesMethods.Get.Path, Convert.FromHexString(hex));
        Assert.Equal((200, status), (response.StatusCode, response.Headers["grpc-status"]));
    }

    [Fact]
    public async Task Messages_cut_at_every_octet_are_read_alike()
    {
        Pipe whole = new();
        GetNamespaceRequest[] sent = [new() { Name = "one" }, new(), new() { Name = new string('z', 400) }];
        GrpcFraming.Write(whole.Writer, sent[0], 1000);
        GrpcFraming.Write(whole.Writer, sent[1], 1000);
        GrpcFraming.Write(whole.Writer, sent[2], 1000, compress: true);
        await whole.Writer.FlushAsync();
        byte[] octets = (await whole.Reader.ReadAsync()).Buffer.ToArray();
        for (int cut = 0; cut <= octets.Length; cut++)
        {
            Pipe pipe = new();
            Task<List<IMessage>> reading = CollectAsync(pipe.Reader);
            await pipe.Writer.WriteAsync(octets.AsMemory(0, cut));
            await Task.Yield();
            await pipe.Writer.WriteAsync(octets.AsMemory(cut));
            await pipe.Writer.CompleteAsync();
            Assert.Equal(sent, await reading);
        }

        static async Task<List<IMessage>> CollectAsync(PipeReader reader)
        {
            List<IMessage> all = [];
            while (await GrpcFraming.ReadAsync(reader, GetNamespaceRequest.Parser, 1000, "gzip", default) is { } message)
                all.Add(message);
            return all;
        }
    }

    [Fact]
    public async Task What_is_not_gRPC_is_told_so_in_HTTP()
    {
        Http2ClientConnection client = new(Serve());
        Assert.Equal(405, (await client.SendAsync(new HttpRequest { Target = "/" })).StatusCode);
        foreach (string type in (string[])["text/plain", "application/grpc-web", "application/grpcx"])
            Assert.Equal(415, (await client.SendAsync(new HttpRequest { Method = "POST", Target = "/", Headers = new HttpHeaders { { "content-type", type } } })).StatusCode);
    }

    [Theory]
    [InlineData("1H", 3600)]
    [InlineData("2M", 120)]
    [InlineData("3S", 3)]
    [InlineData("4m", 0.004)]
    [InlineData("5u", 0.000005)]
    [InlineData("99999999S", int.MaxValue / 1000.0)] // as long as a timer can wait
    public void Timeouts_are_read(string text, double seconds)
    {
        Assert.True(GrpcText.TryDecodeTimeout(text, out TimeSpan timeout));
        Assert.Equal(seconds, timeout.TotalSeconds, 6);
    }

    [Theory]
    [InlineData("")]
    [InlineData("S")]
    [InlineData("123456789S")]
    [InlineData("-1S")]
    [InlineData("1x")]
    public void Malformed_timeouts_are_refused(string text) => Assert.False(GrpcText.TryDecodeTimeout(text, out _));

    [Fact]
    public void Timeouts_written_are_read_alike()
    {
        foreach (double seconds in new[] { 0.000001, 0.5, 30, 86400, 1e6 })
        {
            Assert.True(GrpcText.TryDecodeTimeout(GrpcText.EncodeTimeout(TimeSpan.FromSeconds(seconds)), out TimeSpan timeout));
            Assert.Equal(seconds, timeout.TotalSeconds, 6);
        }
    }
}
