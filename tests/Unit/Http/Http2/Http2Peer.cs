using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Text;
using AotRuntime.Http;
using AotRuntime.Http.Http2;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Tests.Unit.Http.Http2;

/// <summary>One end of a connection that speaks frames, well or badly.</summary>
internal sealed class Http2Peer(TransportConnection transport) : IAsyncDisposable
{
    private readonly HpackEncoder _encoder = new();
    private readonly HpackDecoder _decoder = new(4096);
    private readonly SemaphoreSlim _sending = new(1);
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(30));

    public sealed record Received(Http2FrameType Type, Http2Flags Flags, int StreamId, byte[] Payload, Dictionary<string, string> Fields)
    {
        public bool Ends => (Flags & Http2Flags.EndStream) != 0;

        public Http2ErrorCode Error => (Http2ErrorCode)BinaryPrimitives.ReadUInt32BigEndian(Type == Http2FrameType.GoAway ? Payload.AsSpan(4) : Payload);
    }

    public TransportConnection Transport => transport;

    /// <summary>A server with <paramref name="handler"/> at the other end; the preface and empty settings are sent.</summary>
    public static async Task<(Http2Peer Peer, Task Serving)> ConnectAsync(
        HttpRequestHandler handler, HttpServerOptions? options = null, CancellationToken stopping = default, bool greet = true,
        TimeProvider? time = null)
    {
        (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
        Task serving = ServeAsync();
        Http2Peer peer = new(client);
        if (greet)
        {
            await peer.SendRawAsync(Http2Frame.Preface.ToArray());
            await peer.SendAsync(Http2FrameType.Settings, Http2Flags.None, 0, []);
        }
        return (peer, serving);

        async Task ServeAsync()
        {
            await Http2Server.RunAsync(server, handler, options ?? new HttpServerOptions(), stopping, time);
            await server.DisposeAsync();
        }
    }

    public static byte[] Frame(Http2FrameType type, Http2Flags flags, int streamId, byte[] payload)
    {
        byte[] frame = new byte[Http2Frame.HeaderBytes + payload.Length];
        new Http2Frame(payload.Length, type, flags, streamId).Write(frame);
        payload.CopyTo(frame, Http2Frame.HeaderBytes);
        return frame;
    }

    private static byte Defined(Http2FrameType type) => type switch
    {
        Http2FrameType.Data => 0x09,
        Http2FrameType.Headers => 0x2d,
        Http2FrameType.PushPromise => 0x0c,
        Http2FrameType.Continuation => 0x04,
        Http2FrameType.Settings or Http2FrameType.Ping => 0x01,
        _ => 0,
    };

    public byte[] Block(params string[] fields)
    {
        ArrayBufferWriter<byte> block = new();
        _encoder.Begin(block);
        foreach (string field in fields)
        {
            int colon = field.IndexOf(':', 1);
            _encoder.Write(block, field[..colon], field[(colon + 1)..]);
        }
        return block.WrittenSpan.ToArray();
    }

    public byte[] Request(string method, string path, params string[] more) =>
        Block([$":method:{method}", ":scheme:http", $":path:{path}", ":authority:test", .. more]);

    public async Task SendRawAsync(byte[] octets)
    {
        // Tests may send from more than one task.
        await _sending.WaitAsync(_patience.Token);
        try
        {
            await transport.Output.WriteAsync(octets);
        }
        finally
        {
            _sending.Release();
        }
    }

    public Task SendAsync(Http2FrameType type, Http2Flags flags, int streamId, byte[] payload) => SendRawAsync(Frame(type, flags, streamId, payload));

    public Task SendAsync(Http2FrameType type, int streamId, uint value)
    {
        byte[] payload = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(payload, value);
        return SendAsync(type, Http2Flags.None, streamId, payload);
    }

    public Task HeadersAsync(int streamId, byte[] block, bool end) =>
        SendAsync(Http2FrameType.Headers, Http2Flags.EndHeaders | (end ? Http2Flags.EndStream : 0), streamId, block);

    public Task DataAsync(int streamId, string text, bool end) =>
        SendAsync(Http2FrameType.Data, end ? Http2Flags.EndStream : 0, streamId, Encoding.ASCII.GetBytes(text));

    public Task SettingAsync(Http2Setting setting, uint value)
    {
        byte[] payload = new byte[6];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)setting);
        BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(2), value);
        return SendAsync(Http2FrameType.Settings, Http2Flags.None, 0, payload);
    }

    /// <summary>The frames of the next header block; they must follow each other.</summary>
    public async Task<List<Received>> ReadBlockAsync()
    {
        List<Received> block = [await ExpectAsync(Http2FrameType.Headers)];
        while ((block[^1].Flags & Http2Flags.EndHeaders) == 0)
        {
            Received next = (await ReadAsync())!;
            Assert.Equal((Http2FrameType.Continuation, block[0].StreamId), (next.Type, next.StreamId));
            block.Add(next);
        }
        return block;
    }

    /// <summary>The next frame, or null at the end.</summary>
    public async Task<Received?> ReadAsync()
    {
        while (true)
        {
            ReadResult result = await transport.Input.ReadAsync(_patience.Token);
            ReadOnlySequence<byte> buffer = result.Buffer;
            if (Http2Frame.TryRead(buffer, out Http2Frame frame) && buffer.Length >= Http2Frame.HeaderBytes + frame.Length)
            {
                // RFC 9113 §4.1: what a type does not define "MUST be left unset", and so must the reserved bit.
                Assert.Equal(0, buffer.Slice(5, 1).FirstSpan[0] >> 7);
                Assert.Equal(0, (byte)frame.Flags & ~Defined(frame.Type));
                byte[] payload = buffer.Slice(Http2Frame.HeaderBytes, frame.Length).ToArray();
                transport.Input.AdvanceTo(buffer.GetPosition(Http2Frame.HeaderBytes + frame.Length));
                List<HpackField> fields = [];
                if (frame.Type == Http2FrameType.Headers && frame.Has(Http2Flags.EndHeaders))
                {
                    _decoder.Decode(payload, fields, 1 << 20);
                }
                return new(frame.Type, frame.Flags, frame.StreamId, payload, fields.ToDictionary(f => f.Name, f => f.Value));
            }
            transport.Input.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
                return null;
        }
    }

    /// <summary>The next frame of one of the types.</summary>
    public async Task<Received> ExpectAsync(params Http2FrameType[] types)
    {
        while (await ReadAsync() is { } frame)
        {
            if (types.Contains(frame.Type) && !(frame.Type is Http2FrameType.Settings && (frame.Flags & Http2Flags.Ack) != 0))
                return frame;
        }
        throw new EndOfStreamException($"the connection ended before {string.Join(" or ", types)}");
    }

    /// <summary>Reads a response to its end.</summary>
    public async Task<(Dictionary<string, string> Head, string Body, Dictionary<string, string> Trailers)> ResponseAsync(int streamId)
    {
        Received head = await ExpectAsync(Http2FrameType.Headers, Http2FrameType.RstStream, Http2FrameType.GoAway);
        Assert.Equal((Http2FrameType.Headers, streamId), (head.Type, head.StreamId));
        StringBuilder body = new();
        bool ends = head.Ends;
        Dictionary<string, string> trailers = [];
        while (!ends)
        {
            Received frame = await ExpectAsync(Http2FrameType.Data, Http2FrameType.Headers, Http2FrameType.RstStream);
            Assert.NotEqual(Http2FrameType.RstStream, frame.Type);
            body.Append(Encoding.ASCII.GetString(frame.Type == Http2FrameType.Data ? frame.Payload : []));
            if (frame.Type == Http2FrameType.Headers)
                trailers = frame.Fields;
            ends = frame.Ends;
        }
        return (head.Fields, body.ToString(), trailers);
    }

    public async ValueTask DisposeAsync() => await transport.DisposeAsync();
}
