using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using AotRuntime.Http;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Version;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using GrpcException = Grpc.Core.RpcException;
using Reflection = Grpc.Reflection;

namespace AotRuntime.Tests.Unit.Rpc;

/// <summary>Against .NET's own gRPC client, over .NET's own HTTP/2.</summary>
public sealed class GrpcNetClientTests : IAsyncDisposable
{
    private static readonly Marshaller<BytesValue> s_marshaller = Marshallers.Create(m => m.ToByteArray(), b => BytesValue.Parser.ParseFrom(b));

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"aotruntime-grpc-{Guid.NewGuid():n}.sock");
    private readonly CancellationTokenSource _stopping = new();
    private readonly GrpcChannel _channel;
    private readonly Task _serving;

    public GrpcNetClientTests()
    {
        RpcServiceTable table = new EchoService().Table();
        table.Unary(VersionMethods.Version, static (_, _) => new VersionResponse { Version = "1" });
        _serving = new HttpServer(new GrpcServer(table).HandleAsync).RunAsync(Transport.ListenUnix(_path), _stopping.Token, TimeSpan.FromSeconds(1));
        SocketsHttpHandler handler = new()
        {
            ConnectCallback = async (_, token) =>
            {
                Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(_path), token);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        _channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = handler, MaxReceiveMessageSize = null, DisposeHttpClient = true });
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static Method<BytesValue, BytesValue> Of(MethodType type, string name) => new(type, "test.Echo", name, s_marshaller, s_marshaller);

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _stopping.CancelAsync();
        await _serving.WaitAsync(TimeSpan.FromSeconds(60));
        _stopping.Dispose();
    }

    private AsyncUnaryCall<BytesValue> Unary(string text, CallOptions options = default) =>
        _channel.CreateCallInvoker().AsyncUnaryCall(Of(MethodType.Unary, "unary"), null, options.WithCancellationToken(options.CancellationToken == default ? Token : options.CancellationToken), EchoService.Bytes(text));

    private static async Task<string> CollectAsync(IAsyncStreamReader<BytesValue> answers)
    {
        string all = "";
        while (await answers.MoveNext(Token))
            all += answers.Current.Value.ToStringUtf8();
        return all;
    }

    [Fact]
    public async Task All_four_kinds_of_call_are_served()
    {
        CallInvoker invoker = _channel.CreateCallInvoker();
        string big = new('x', 3_000_000);
        Assert.Equal("hello", (await Unary("hello")).Value.ToStringUtf8());
        Assert.Equal(big, (await Unary(big)).Value.ToStringUtf8());

        using AsyncServerStreamingCall<BytesValue> down = invoker.AsyncServerStreamingCall(Of(MethodType.ServerStreaming, "down"), null, new CallOptions(cancellationToken: Token), EchoService.Bytes("abc"));
        Assert.Equal("abc", await CollectAsync(down.ResponseStream));

        using AsyncClientStreamingCall<BytesValue, BytesValue> up = invoker.AsyncClientStreamingCall(Of(MethodType.ClientStreaming, "up"), null, new CallOptions(cancellationToken: Token));
        await up.RequestStream.WriteAsync(EchoService.Bytes("a"), Token);
        await up.RequestStream.WriteAsync(EchoService.Bytes(big), Token);
        await up.RequestStream.CompleteAsync();
        Assert.Equal("a" + big, (await up).Value.ToStringUtf8());

        using AsyncDuplexStreamingCall<BytesValue, BytesValue> both = invoker.AsyncDuplexStreamingCall(Of(MethodType.DuplexStreaming, "both"), null, new CallOptions(cancellationToken: Token));
        foreach (string text in (string[])["a", big, "b"])
        {
            await both.RequestStream.WriteAsync(EchoService.Bytes(text), Token);
            Assert.True(await both.ResponseStream.MoveNext(Token));
            Assert.Equal(text, both.ResponseStream.Current.Value.ToStringUtf8());
        }
        await both.RequestStream.CompleteAsync();
        Assert.False(await both.ResponseStream.MoveNext(Token));
    }

    [Fact]
    public async Task Metadata_statuses_and_details_arrive()
    {
        Metadata metadata = new() { { "x-text", "v" }, { "x-octets-bin", [0, 0xff, 0x80] } };
        using AsyncUnaryCall<BytesValue> call = Unary("meta", new CallOptions(metadata));
        Assert.Equal("v 00FF80", (await call).Value.ToStringUtf8());
        Assert.Equal([1, 2, 3, 4], (await call.ResponseHeadersAsync).GetValueBytes("x-head-bin"));
        Assert.Equal("end", call.GetTrailers().GetValue("x-trail"));

        GrpcException missing = await FailureAsync(Unary("missing"));
        Assert.Equal((StatusCode.NotFound, "not here: ü%\n"), (missing.StatusCode, missing.Status.Detail));
        Assert.NotNull(missing.Trailers.GetValueBytes("grpc-status-details-bin"));
        Assert.Equal(StatusCode.Unknown, (await FailureAsync(Unary("crash"))).StatusCode);
        using AsyncServerStreamingCall<BytesValue> cut = _channel.CreateCallInvoker()
            .AsyncServerStreamingCall(Of(MethodType.ServerStreaming, "down"), null, new CallOptions(cancellationToken: Token), EchoService.Bytes("ab!"));
        Assert.Equal(StatusCode.DataLoss, (await Assert.ThrowsAsync<GrpcException>(() => CollectAsync(cut.ResponseStream))).StatusCode);
        Assert.Equal(StatusCode.ResourceExhausted, (await FailureAsync(Unary(new string('x', 17 << 20)))).StatusCode);
    }

    [Fact]
    public async Task Deadlines_and_cancellation_reach_the_handler()
    {
        Assert.Equal(StatusCode.DeadlineExceeded, (await FailureAsync(Unary("hang", new CallOptions(deadline: DateTime.UtcNow.AddMilliseconds(300))))).StatusCode);
        Assert.Equal("1", (await Unary("ended?")).Value.ToStringUtf8());
        using CancellationTokenSource cancel = new(300);
        Assert.Equal(StatusCode.Cancelled, (await FailureAsync(Unary("hang", new CallOptions(cancellationToken: cancel.Token)))).StatusCode);
        Assert.Equal("2", (await Unary("ended?")).Value.ToStringUtf8());
    }

    [Fact]
    public async Task Messages_in_gzip_go_both_ways()
    {
        Metadata compressed = new() { { "grpc-internal-encoding-request", "gzip" } };
        string big = new('x', 1_000_000);
        Assert.Equal(big, (await Unary(big, new CallOptions(compressed))).Value.ToStringUtf8());
    }

    [Fact]
    public async Task Many_calls_run_on_one_connection() =>
        await Task.WhenAll(Enumerable.Range(0, 300).Select(async i => Assert.Equal($"{i}", (await Unary($"{i}")).Value.ToStringUtf8()))).WaitAsync(TimeSpan.FromSeconds(30), Token);

    [Fact]
    public async Task Reflection_v1_lists_services_and_describes_them()
    {
        Reflection.V1.ServerReflection.ServerReflectionClient client = new(_channel);
        using AsyncDuplexStreamingCall<Reflection.V1.ServerReflectionRequest, Reflection.V1.ServerReflectionResponse> call = client.ServerReflectionInfo(cancellationToken: Token);
        async Task<Reflection.V1.ServerReflectionResponse> AskAsync(Reflection.V1.ServerReflectionRequest request)
        {
            await call.RequestStream.WriteAsync(request, Token);
            Assert.True(await call.ResponseStream.MoveNext(Token));
            Assert.Equal(request, call.ResponseStream.Current.OriginalRequest);
            return call.ResponseStream.Current;
        }

        Assert.Equal(
            ["containerd.services.version.v1.Version", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "test.Echo"],
            (await AskAsync(new() { ListServices = "" })).ListServicesResponse.Service.Select(s => s.Name));

        // What comes for a symbol is enough to build its descriptors of, in the library's own eyes.
        IEnumerable<ByteString> files = (await AskAsync(new() { FileContainingSymbol = "containerd.services.version.v1.Version.Version" })).FileDescriptorResponse.FileDescriptorProto;
        Assert.Equal(2, files.Count());
        ServiceDescriptor service = Assert.Single(FileDescriptor.BuildFromByteStrings(files.Reverse()).Single(f => f.Services.Count > 0).Services);
        Assert.Equal(("containerd.services.version.v1.Version", "Version", "google.protobuf.Empty"), (service.FullName, service.Methods[0].Name, service.Methods[0].InputType.FullName));

        // What was sent on this stream is not sent again, but for what is asked for.
        Assert.Single((await AskAsync(new() { FileContainingSymbol = "containerd.services.version.v1.Version" })).FileDescriptorResponse.FileDescriptorProto);
        foreach (string symbol in (string[])["grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc.health.v1.HealthCheckResponse.SERVING", "grpc.health.v1.HealthCheckRequest.service", "grpc.health.v1.Health"])
            Assert.Equal("grpc/health.proto", FileDescriptorProto.Parser.ParseFrom((await AskAsync(new() { FileContainingSymbol = symbol })).FileDescriptorResponse.FileDescriptorProto[0]).Name);
        Assert.Equal("google/protobuf/any.proto", FileDescriptorProto.Parser.ParseFrom((await AskAsync(new() { FileByFilename = "google/protobuf/any.proto" })).FileDescriptorResponse.FileDescriptorProto[0]).Name);
        Assert.Empty((await AskAsync(new() { AllExtensionNumbersOfType = "google.protobuf.Any" })).AllExtensionNumbersResponse.ExtensionNumber);

        foreach (Reflection.V1.ServerReflectionRequest unknown in (Reflection.V1.ServerReflectionRequest[])
            [
                new() { FileContainingSymbol = "no.such.Thing" }, new() { FileByFilename = "no/such.proto" }, new() { AllExtensionNumbersOfType = "no.such.Thing" },
                new() { FileContainingExtension = new() { ContainingType = "google.protobuf.Any", ExtensionNumber = 1 } },
            ])
        {
            Assert.Equal((int)StatusCode.NotFound, (await AskAsync(unknown)).ErrorResponse.ErrorCode);
        }
        await call.RequestStream.WriteAsync(new(), Token);
        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<GrpcException>(() => call.ResponseStream.MoveNext(Token))).StatusCode);
    }

    [Fact]
    public async Task Reflection_v1alpha_is_the_same()
    {
        Reflection.V1Alpha.ServerReflection.ServerReflectionClient client = new(_channel);
        using AsyncDuplexStreamingCall<Reflection.V1Alpha.ServerReflectionRequest, Reflection.V1Alpha.ServerReflectionResponse> call = client.ServerReflectionInfo(cancellationToken: Token);
        await call.RequestStream.WriteAsync(new() { ListServices = "*" }, Token);
        Assert.True(await call.ResponseStream.MoveNext(Token));
        Assert.Contains(call.ResponseStream.Current.ListServicesResponse.Service, s => s.Name == "grpc.reflection.v1alpha.ServerReflection");
        await call.RequestStream.WriteAsync(new() { FileContainingSymbol = "grpc.reflection.v1alpha.ServerReflection" }, Token);
        Assert.True(await call.ResponseStream.MoveNext(Token));
        FileDescriptor file = Assert.Single(FileDescriptor.BuildFromByteStrings(call.ResponseStream.Current.FileDescriptorResponse.FileDescriptorProto));
        Assert.True(file.Services[0].Methods[0] is { IsClientStreaming: true, IsServerStreaming: true });
    }

    private static Task<GrpcException> FailureAsync(AsyncUnaryCall<BytesValue> call) => Assert.ThrowsAsync<GrpcException>(async () => await call);
}
