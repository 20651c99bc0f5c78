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

    private static CancellationToken Token => TestContext.Current.CancellationToken;

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
        Task serving = new HttpServer(new GrpcServer(new EchoService().Table()).HandleAsync).RunAsync(listener, stopping.Token, TimeSpan.FromSeconds(1));
        using Process client = Python("client.py", target);
        Task<string> error = client.StandardError.ReadToEndAsync(Token);
        string output = await client.StandardOutput.ReadToEndAsync(Token);
        await client.WaitForExitAsync(Token);
        Assert.Equal("ok\n", output + await error);
        stopping.Cancel();
        await serving.WaitAsync(TimeSpan.FromSeconds(60), Token);
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
            BytesValue big = EchoService.Bytes(new string('x', 3_000_000));
            Assert.Equal("hello", (await channel.UnaryAsync(EchoService.Method("unary"), EchoService.Bytes("hello"), cancellationToken: Token)).Value.ToStringUtf8());
            Assert.Equal(big, await channel.UnaryAsync(EchoService.Method("unary"), big, cancellationToken: Token));
            Assert.Equal(big, await channel.UnaryAsync(EchoService.Method("unary"), big, new RpcCallOptions { Compress = true }, Token));

            await using (RpcCall<BytesValue, BytesValue> down = await channel.ServerStreamAsync(EchoService.Method("down"), EchoService.Bytes("abc"), cancellationToken: Token))
                Assert.Equal("abc", await CollectAsync(down));
            foreach (string name in (string[])["up", "both"])
            {
                await using RpcCall<BytesValue, BytesValue> call = await channel.OpenAsync(EchoService.Method(name), cancellationToken: Token);
                await call.WriteAsync(EchoService.Bytes("a"), Token);
                await call.WriteAsync(EchoService.Bytes("b"), Token);
                await call.CompleteAsync();
                Assert.Equal("ab", await CollectAsync(call));
            }

            HttpHeaders metadata = new() { { "x-text", "v" } };
            metadata.AddBinary("x-octets-bin", [0, 0xff, 0x80]);
            Assert.Equal("v 00FF80", (await channel.UnaryAsync(EchoService.Method("unary"), EchoService.Bytes("meta"), new RpcCallOptions { Metadata = metadata }, Token)).Value.ToStringUtf8());

            RpcException missing = await Assert.ThrowsAsync<RpcException>(async () => await channel.UnaryAsync(EchoService.Method("unary"), EchoService.Bytes("missing"), cancellationToken: Token));
            Assert.Equal((RpcStatus.NotFound, "not here: ü%"), (missing.Status, missing.Message));
            Any detail = Assert.Single(missing.Details);
            Assert.Equal(("t", "ab"), (detail.TypeUrl, detail.Value.ToStringUtf8()));

            RpcException late = await Assert.ThrowsAsync<RpcException>(async () =>
                await channel.UnaryAsync(EchoService.Method("unary"), EchoService.Bytes("hang"), new RpcCallOptions { Timeout = TimeSpan.FromMilliseconds(200) }, Token));
            Assert.Equal(RpcStatus.DeadlineExceeded, late.Status);
            Assert.Equal(RpcStatus.Unimplemented, (await Assert.ThrowsAsync<RpcException>(async () => await channel.UnaryAsync(EchoService.Method("nope"), EchoService.Bytes(""), cancellationToken: Token))).Status);
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
