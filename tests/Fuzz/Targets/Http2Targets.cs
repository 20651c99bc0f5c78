using System.Buffers;
using System.Text;
using AotRuntime.Http;
using AotRuntime.Http.Http2;
using AotRuntime.Http.Http2.Hpack;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using AotRuntime.Rpc.Containerd.Namespaces;

namespace AotRuntime.Tests.Fuzz.Targets;

/// <summary>Header blocks. What is understood can be said again.</summary>
internal sealed class HpackTarget : Target
{
    public override string Name => "hpack";

    public override IEnumerable<byte[]> Seeds =>
    [
        // RFC 7541 C.3 to C.6.
        Convert.FromHexString("828684410f7777772e6578616d706c652e636f6d"),
        Convert.FromHexString("828684418cf1e3c2e5f23a6ba0ab90f4ff"),
        Convert.FromHexString("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"),
        Convert.FromHexString("488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3"),
        Convert.FromHexString("3fe11f3fe11f20"),
    ];

    public override Task RunAsync(byte[] input, Random random)
    {
        HpackDecoder decoder = new(4096);
        List<HpackField> fields = [];
        bool all;
        try
        {
            // As several blocks of one connection: the table goes on.
            int half = input.Length / 2;
            all = decoder.Decode(input.AsSpan(0, half), fields, 64 * 1024) & decoder.Decode(input.AsSpan(half), fields, 64 * 1024);
        }
        catch (Http2ConnectionException)
        {
            return Task.CompletedTask;
        }
        if (!all)
            return Task.CompletedTask;
        HpackEncoder encoder = new();
        ArrayBufferWriter<byte> block = new();
        encoder.Begin(block);
        foreach (HpackField field in fields)
            encoder.Write(block, field.Name, field.Value);
        List<HpackField> again = [];
        new HpackDecoder(4096).Decode(block.WrittenSpan, again, int.MaxValue);
        Same(string.Join('\n', fields.Select(f => $"{f.Name}={f.Value}")), string.Join('\n', again.Select(f => $"{f.Name}={f.Value}")), "fields");
        return Task.CompletedTask;
    }
}

/// <summary>Frames for seeds, and words that are whole frames.</summary>
internal static class Frames
{
    public static readonly string[] None = [];

    public static byte[] Conversation(params byte[][] frames) => [.. Http2Frame.Preface, .. Of(Http2FrameType.Settings, 0, 0, []), .. frames.SelectMany(f => f)];

    public static byte[] Of(Http2FrameType type, Http2Flags flags, int stream, byte[] payload)
    {
        byte[] frame = new byte[Http2Frame.HeaderBytes + payload.Length];
        new Http2Frame(payload.Length, type, flags, stream).Write(frame);
        payload.CopyTo(frame, Http2Frame.HeaderBytes);
        return frame;
    }

    public static byte[] Head(int stream, bool end, params string[] fields)
    {
        HpackEncoder encoder = new();
        ArrayBufferWriter<byte> block = new();
        encoder.Begin(block);
        for (int i = 0; i < fields.Length; i += 2)
            encoder.Write(block, fields[i], fields[i + 1]);
        return Of(Http2FrameType.Headers, Http2Flags.EndHeaders | (end ? Http2Flags.EndStream : 0), stream, block.WrittenSpan.ToArray());
    }

    public static byte[] Get(int stream, bool end = true) => Head(stream, end, ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "h");

    /// <summary>Changes whole frames (repeats, moves, drops them) as often as bytes.</summary>
    public static byte[] Mutate(Mutator mutator, byte[] seed)
    {
        Random random = mutator.Random;
        if (random.Next(2) == 0)
            return mutator.Bytes(seed, None);
        List<byte[]> frames = Split(seed);
        for (int i = random.Next(1, 6); i > 0 && frames.Count > 0; i--)
        {
            int at = random.Next(frames.Count), to = random.Next(frames.Count + 1);
            switch (random.Next(5))
            {
                case 0:
                    frames.Insert(to, frames[at]);
                    break;
                case 1:
                    frames.RemoveAt(at);
                    break;
                case 2:
                    frames[at] = [.. frames[at]];
                    if (frames[at].Length >= 9)
                        frames[at][random.Next(3, 9)] = (byte)random.Next(random.Next(2) == 0 ? 12 : 256);
                    break;
                case 3:
                    List<byte[]> other = Split(mutator.Others[random.Next(mutator.Others.Count)]);
                    if (other.Count > 0)
                        frames.Insert(to, other[random.Next(other.Count)]);
                    break;
                default:
                    byte[] payload = new byte[random.Next(0, 20)];
                    random.NextBytes(payload);
                    frames.Insert(to, Of((Http2FrameType)random.Next(11), (Http2Flags)random.Next(64), random.Next(8), payload));
                    break;
            }
        }
        return [.. Http2Frame.Preface, .. frames.SelectMany(f => f)];
    }

    private static List<byte[]> Split(byte[] data)
    {
        List<byte[]> frames = [];
        int at = data.AsSpan().StartsWith(Http2Frame.Preface) ? Http2Frame.Preface.Length : 0;
        while (at + 9 <= data.Length)
        {
            int length = Math.Min((data[at] << 16 | data[at + 1] << 8 | data[at + 2]) + 9, data.Length - at);
            frames.Add(data[at..(at + length)]);
            at += length;
        }
        return frames;
    }
}

/// <summary>An HTTP/2 server that gets any frames: it always comes to an end.</summary>
internal sealed class Http2ServerTarget : Target
{
    public override string Name => "http2-server";

    public override IEnumerable<byte[]> Seeds =>
    [
        Frames.Conversation(Frames.Get(1), Frames.Get(3, end: false), Frames.Of(Http2FrameType.Data, Http2Flags.EndStream, 3, "hello"u8.ToArray())),
        Frames.Conversation(
            Frames.Of(Http2FrameType.Settings, 0, 0, [0, 4, 0, 0, 0, 1, 0, 5, 0, 0, 64, 0, 0, 1, 0, 0, 0, 0]), Frames.Get(1, end: false),
            Frames.Of(Http2FrameType.Data, Http2Flags.Padded, 1, [2, 1, 2, 3, 0, 0]), Frames.Of(Http2FrameType.WindowUpdate, 0, 0, [0, 1, 0, 0]), Frames.Of(Http2FrameType.WindowUpdate, 0, 1, [0, 1, 0, 0]),
            Frames.Head(1, end: true, "trailer", "x")),
        Frames.Conversation(Frames.Get(1, end: false), Frames.Of(Http2FrameType.RstStream, 0, 1, [0, 0, 0, 8]), Frames.Of(Http2FrameType.Ping, 0, 0, new byte[8]), Frames.Of(Http2FrameType.GoAway, 0, 0, new byte[8])),
        Frames.Conversation(
            Frames.Of(Http2FrameType.Headers, Http2Flags.Priority | Http2Flags.EndStream, 1, [0, 0, 0, 0, 16, 0x82]), Frames.Of(Http2FrameType.Continuation, 0, 1, [0x86]),
            Frames.Of(Http2FrameType.Continuation, Http2Flags.EndHeaders, 1, [0x84, 0x41, 1, (byte)'h']), Frames.Of(Http2FrameType.Priority, 0, 5, [0, 0, 0, 1, 3])),
    ];

    public override byte[] Mutate(Mutator mutator, byte[] seed) => Frames.Mutate(mutator, seed);

    public override async Task RunAsync(byte[] input, Random random)
    {
        Exception? error = null;
        HttpServer server = new(
            async exchange =>
            {
                try
                {
                    exchange.Write(await exchange.ReadBodyAsync());
                    exchange.Write(new byte[random.Next(3) * 40_000]);
                }
                catch (IOException)
                {
                    // The stream was reset, or its connection lost.
                }
            },
            new HttpServerOptions { OnError = e => error ??= e, LingerTimeout = TimeSpan.FromMilliseconds(1) });
        (TransportConnection client, TransportConnection connection) = MemoryTransport.CreatePair();
        Task serving = server.ServeConnectionAsync(connection);
        Task drain = Pieces.DrainAsync(client.Input);
        await Pieces.SendAsync(client.Output, input, random);
        // A peer that is gone for good: what it did not open the window for will never be sent.
        await Task.WhenAny(drain, Task.Delay(50));
        await client.DisposeAsync();
        await drain;
        await serving;
        if (error is not null)
            throw new FuzzException($"the server was told of {error}");
    }
}

/// <summary>gRPC over any frames.</summary>
internal sealed class GrpcServerTarget : Target
{
    public override string Name => "grpc-server";

    public override IEnumerable<byte[]> Seeds =>
    [
        Frames.Conversation(Call(1, "/containerd.services.namespaces.v1.Namespaces/Get"), Frames.Of(Http2FrameType.Data, Http2Flags.EndStream, 1, [0, 0, 0, 0, 3, 10, 1, (byte)'x'])),
        Frames.Conversation(
            Call(1, "/containerd.services.content.v1.Content/Write"), Frames.Of(Http2FrameType.Data, 0, 1, [0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 0]),
            Frames.Of(Http2FrameType.Data, Http2Flags.EndStream, 1, [0, 0, 0, 0, 0])),
        Frames.Conversation(Call(1, "/nobody/Nothing"), Frames.Of(Http2FrameType.Data, Http2Flags.EndStream, 1, [1, 0xff, 0xff, 0xff, 0xff])),
    ];

    public override byte[] Mutate(Mutator mutator, byte[] seed) => Frames.Mutate(mutator, seed);

    public override async Task RunAsync(byte[] input, Random random)
    {
        RpcServiceTable table = new();
        table.Unary(NamespacesMethods.Get, (request, _) => new GetNamespaceResponse { Namespace = new Namespace { Name = request.Name } });
        table.Duplex(ContentMethods.Write, async (reader, writer, _) =>
        {
            while (await reader.ReadAsync() is { } message)
                await writer.WriteAsync(new WriteContentResponse { Offset = message.Offset });
        });
        Exception? error = null;
        HttpServer server = new(new GrpcServer(table).HandleAsync, new HttpServerOptions { OnError = e => error ??= e, LingerTimeout = TimeSpan.FromMilliseconds(1) });
        (TransportConnection client, TransportConnection connection) = MemoryTransport.CreatePair();
        Task serving = server.ServeConnectionAsync(connection);
        Task drain = Pieces.DrainAsync(client.Input);
        await Pieces.SendAsync(client.Output, input, random);
        await Task.WhenAny(drain, Task.Delay(50));
        await client.DisposeAsync();
        await drain;
        await serving;
        if (error is not null)
            throw new FuzzException($"the server was told of {error}");
    }

    private static byte[] Call(int stream, string path) => Frames.Head(
        stream, false, ":method", "POST", ":scheme", "http", ":path", path, ":authority", "h", "content-type", "application/grpc", "te", "trailers", "grpc-timeout", "10S");
}
