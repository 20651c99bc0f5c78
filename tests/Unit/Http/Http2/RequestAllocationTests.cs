using System.Buffers.Binary;
using AotRuntime.Http;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Version;

namespace AotRuntime.Tests.Unit.Http.Http2;

/// <summary>What a request over HTTP/2 may allocate once a connection is warm. (HTTP/1's is nothing: RobustnessTests.)</summary>
[Collection(nameof(MeasuredAlone))]
public sealed class RequestAllocationTests
{
    private const int Headers = 1, Settings = 4, WindowUpdate = 8, EndStream = 1, EndHeaders = 4;

    [Fact]
    public async Task A_get_with_a_short_answer()
    {
        long each = await MeasureAsync(
            exchange =>
            {
                exchange.ResponseHeaders["Api-Version"] = "1.51";
                exchange.Respond(200, "text/plain; charset=utf-8", "OK"u8);
                return ValueTask.CompletedTask;
            },
            // Indexed: GET, http; literals that enter no table: :path /_ping, :authority h.
            [0x82, 0x86, 0x04, 6, .. "/_ping"u8, 0x01, 1, .. "h"u8], []);
        Assert.InRange(each, 0, 500);
    }

    [Fact]
    public async Task A_unary_call_of_grpc()
    {
        RpcServiceTable table = new();
        VersionResponse answer = new() { Version = "2.1.4", Revision = "abc" };
        table.Unary(VersionMethods.Version, (_, _) => answer, quick: true);
        byte[] path = System.Text.Encoding.ASCII.GetBytes(VersionMethods.Version.Path);
        long each = await MeasureAsync(new GrpcServer(table).HandleAsync,
            [0x83, 0x86, 0x04, (byte)path.Length, .. path, 0x01, 1, .. "h"u8, 0x0F, 16, 16, .. "application/grpc"u8, 0, 2, .. "te"u8, 8, .. "trailers"u8],
            new byte[5]);
        Assert.InRange(each, 0, 2000);
    }

    private static async Task<long> MeasureAsync(HttpRequestHandler handler, byte[] block, byte[] body)
    {
        const int Count = 5000;
        (int client, int other) = RawSockets.Pair();
        Task serving = new HttpServer(handler).ServeConnectionAsync(Transport.FromFd(other), TestContext.Current.CancellationToken);
        byte[] hello = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(Settings, 0, 0, []), .. Frame(Settings, EndStream, 0, []), .. Frame(WindowUpdate, 0, 0, [0x40, 0, 0, 0])];
        RawSockets.Send(client, hello, hello.Length);
        byte[] request = [.. Frame(Headers, body.Length == 0 ? EndStream | EndHeaders : EndHeaders, 1, block), .. body.Length == 0 ? [] : Frame(0, EndStream, 1, body)];
        byte[] answer = new byte[1 << 16];
        int id = -1;
        Run(Count); // pools fill, code is compiled again, tables settle
        await Task.Delay(300, TestContext.Current.CancellationToken);
        Run(Count);
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 3; attempt++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            Run(Count);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{least / Count} bytes for each request");
        RawSockets.Close(client);
        await serving.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        return least / Count;

        void Run(int count)
        {
            for (int i = 0; i < count; i++)
            {
                id += 2;
                BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(5), id);
                if (body.Length > 0)
                    BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(9 + block.Length + 5), id);
                RawSockets.Send(client, request, request.Length);
                while (!ReceiveFrame())
                {
                }
            }
        }

        // Whether the frame ended this request's stream.
        bool ReceiveFrame()
        {
            RawSockets.Receive(client, answer, 9);
            int length = (answer[0] << 16) | (answer[1] << 8) | answer[2];
            bool ends = answer[3] is 0 or Headers && (answer[4] & EndStream) != 0;
            if (length > 0)
                RawSockets.Receive(client, answer, length);
            return ends;
        }
    }

    private static byte[] Frame(int type, int flags, int stream, byte[] payload)
    {
        byte[] frame = [(byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, (byte)type, (byte)flags, 0, 0, 0, 0, .. payload];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        return frame;
    }
}
