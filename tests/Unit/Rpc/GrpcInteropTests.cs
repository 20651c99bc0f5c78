using System.Diagnostics;
using System.Text;
using AotRuntime.Http;
using AotRuntime.Rpc;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Tests.Unit.Rpc;

/// <summary>Against grpc's own library (Debian's python3-grpcio), as client and as server.</summary>
public sealed class GrpcInteropTests
{
    private static readonly string s_scripts = Path.Combine(AppContext.BaseDirectory, "Interop");

    private int _ended;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static RpcMethod<BytesValue, BytesValue> Method(string name) => new("test.Echo", name, BytesValue.Parser, BytesValue.Parser);

    private static BytesValue Bytes(string text) => new() { Value = ByteString.CopyFromUtf8(text) };

    private RpcServiceTable Table()
    {
        RpcServiceTable table = new();
        table.Unary(Method("unary"), UnaryAsync);
        table.ServerStream(Method("down"), async (request, writer, _) =>
        {
            foreach (char c in request.Value.ToStringUtf8())
            {
                if (c == '!')
                    throw new RpcException(RpcStatus.DataLoss, "cut");
                await writer.WriteAsync(Bytes($"{c}"));
            }
        });
        table.Duplex(Method("up"), async (reader, writer, _) =>
        {
            using MemoryStream all = new();
            while (await reader.ReadAsync() is { } message)
                message.Value.WriteTo(all);
            await writer.WriteAsync(new BytesValue { Value = ByteString.CopyFrom(all.ToArray()) });
        });
        table.Duplex(Method("both"), async (reader, writer, _) =>
        {
            while (await reader.ReadAsync() is { } message)
                await writer.WriteAsync(message);
        });
        GrpcHealth.AddTo(table);
        return table;
    }

    private async ValueTask<BytesValue> UnaryAsync(BytesValue request, RpcContext context)
    {
        switch (request.Value.Length > 10 ? "" : request.Value.ToStringUtf8())
        {
            case "meta":
                context.ResponseMetadata.AddBinary("x-head-bin", [1, 2, 3, 4]);
                context.ResponseTrailers.Add("x-trail", "end");
                return Bytes($"{context.Metadata["x-text"]} {Convert.ToHexString(context.Metadata.GetBinary("x-octets-bin").Single())}");
            case "missing":
                throw new RpcException(RpcStatus.NotFound, "not here: ü%\n", [new Any { TypeUrl = "type.googleapis.com/x", Value = ByteString.CopyFromUtf8("y") }]);
            case "crash":
                throw new InvalidOperationException("boom");
            case "hang":
                try
                {
                    await Task.Delay(Timeout.Infinite, context.Cancelled);
                }
                finally
                {
                    Interlocked.Increment(ref _ended);
                }
                break;
            case "ended?":
                // The client hears of its own cancellation at once; the server a moment later.
                await Task.Delay(300, context.Cancelled);
                return Bytes($"{_ended}");
        }
        return request;
    }

    private static Process Python(string script, string argument)
    {
        ProcessStartInfo start = new("/usr/bin/python3") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(s_scripts, script));
        start.ArgumentList.Add(argument);
        start.Environment["no_proxy"] = "*";
        return Process.Start(start)!;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Their_client_is_served(bool unix)
    {
        string path = Path.Combine(Path.GetTempPath(), $"aotruntime-grpc-{Guid.NewGuid():n}.sock");
        TransportListener listener = unix ? Transport.ListenUnix(path) : Transport.ListenTcp("127.0.0.1", 0);
        using CancellationTokenSource stopping = new();
        string target = listener.Address.Replace("tcp://", "", StringComparison.Ordinal).Replace("unix://", "unix:", StringComparison.Ordinal);
        Task serving = new HttpServer(new GrpcServer(Table()).HandleAsync).RunAsync(listener, stopping.Token, TimeSpan.FromSeconds(1));
        using Process client = Python("client.py", target);
        Task<string> error = client.StandardError.ReadToEndAsync(Token);
        string output = await client.StandardOutput.ReadToEndAsync(Token);
        await client.WaitForExitAsync(Token);
        Assert.Equal("ok\n", output + await error);
        stopping.Cancel();
        await serving.WaitAsync(TimeSpan.FromSeconds(10), Token);
    }

    [Fact]
    public async Task Their_server_serves_us()
    {
        string path = Path.Combine(Path.GetTempPath(), $"aotruntime-grpc-{Guid.NewGuid():n}.sock");
        using Process server = Python("server.py", path);
        try
        {
            Assert.Equal("ready", await server.StandardOutput.ReadLineAsync(Token));
            await using RpcChannel channel = RpcChannels.GrpcUnix(path);
            BytesValue big = Bytes(new string('x', 3_000_000));
            Assert.Equal("hello", (await channel.UnaryAsync(Method("unary"), Bytes("hello"), cancellationToken: Token)).Value.ToStringUtf8());
            Assert.Equal(big, await channel.UnaryAsync(Method("unary"), big, cancellationToken: Token));
            Assert.Equal(big, await channel.UnaryAsync(Method("unary"), big, new RpcCallOptions { Compress = true }, Token));

            await using (RpcCall<BytesValue, BytesValue> down = await channel.ServerStreamAsync(Method("down"), Bytes("abc"), cancellationToken: Token))
                Assert.Equal("abc", await CollectAsync(down));
            foreach (string name in (string[])["up", "both"])
            {
                await using RpcCall<BytesValue, BytesValue> call = await channel.OpenAsync(Method(name), cancellationToken: Token);
                await call.WriteAsync(Bytes("a"), Token);
                await call.WriteAsync(Bytes("b"), Token);
                await call.CompleteAsync();
                Assert.Equal("ab", await CollectAsync(call));
            }

            HttpHeaders metadata = new() { { "x-text", "v" } };
            metadata.AddBinary("x-octets-bin", [0, 0xff, 0x80]);
            Assert.Equal("v 00FF80", (await channel.UnaryAsync(Method("unary"), Bytes("meta"), new RpcCallOptions { Metadata = metadata }, Token)).Value.ToStringUtf8());

            RpcException missing = await Assert.ThrowsAsync<RpcException>(async () => await channel.UnaryAsync(Method("unary"), Bytes("missing"), cancellationToken: Token));
            Assert.Equal((RpcStatus.NotFound, "not here: ü%"), (missing.Status, missing.Message));
            Any detail = Assert.Single(missing.Details);
            Assert.Equal(("t", "ab"), (detail.TypeUrl, detail.Value.ToStringUtf8()));

            RpcException late = await Assert.ThrowsAsync<RpcException>(async () =>
                await channel.UnaryAsync(Method("unary"), Bytes("hang"), new RpcCallOptions { Timeout = TimeSpan.FromMilliseconds(200) }, Token));
            Assert.Equal(RpcStatus.DeadlineExceeded, late.Status);
            Assert.Equal(RpcStatus.Unimplemented, (await Assert.ThrowsAsync<RpcException>(async () => await channel.UnaryAsync(Method("nope"), Bytes(""), cancellationToken: Token))).Status);
        }
        finally
        {
            server.StandardInput.Close();
            if (!server.WaitForExit(10_000))
                server.Kill();
            File.Delete(path);
        }

        static async Task<string> CollectAsync(RpcCall<BytesValue, BytesValue> call)
        {
            StringBuilder all = new();
            while (await call.ReadAsync(Token) is { } message)
                all.Append(message.Value.ToStringUtf8());
            return all.ToString();
        }
    }
}
