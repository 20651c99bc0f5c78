using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using AotRuntime.Http;
using AotRuntime.Http.Http2;

namespace AotRuntime.Tests.Unit.Http.Http2;

/// <summary>
/// The server that the conformance suite is held against: ours in memory or, where AOTRUNTIME_H2_SERVER names one as HOST:PORT, any that
/// speaks HTTP/2 with prior knowledge and has a small <c>/</c> and a <c>/big</c> of at least 100,000 octets.
/// </summary>
internal sealed class Http2Target : IAsyncDisposable
{
    private static readonly byte[] s_big = new byte[100_000];
    private static readonly Http2FrameType[] s_ends = [Http2FrameType.GoAway, Http2FrameType.RstStream];

    private readonly HashSet<int> _answered = [];

    private Http2Target(Http2Peer peer) => Peer = peer;

    public Http2Peer Peer { get; }

    /// <summary>The server's first frame.</summary>
    public Http2Peer.Received? First { get; private set; }

    /// <summary>What the server takes as one frame.</summary>
    public int MaxFrame { get; private set; } = 16384;

    /// <summary>How many streams the server lets be open at once.</summary>
    public int MaxStreams { get; private set; } = int.MaxValue;

    public static async Task<Http2Target> OpenAsync(bool greet = true, bool preface = true)
    {
        Http2Peer peer;
        if (Environment.GetEnvironmentVariable("AOTRUNTIME_H2_SERVER") is { Length: > 0 } address)
        {
            int colon = address.LastIndexOf(':');
            peer = new(await Transport.ConnectTcpAsync(address[..colon], int.Parse(address[(colon + 1)..])));
        }
        else
        {
            (peer, _) = await Http2Peer.ConnectAsync(ServeAsync, greet: false);
        }
        Http2Target target = new(peer);
        if (preface)
            await peer.SendRawAsync(Http2Frame.Preface.ToArray());
        if (!greet)
            return target;
        await peer.SendAsync(Http2FrameType.Settings, Http2Flags.None, 0, []);
        target.First = await peer.ReadAsync();
        byte[] settings = target.First?.Payload ?? [];
        for (int i = 0; i + 6 <= settings.Length; i += 6)
        {
            if (settings[i + 1] == (byte)Http2Setting.MaxFrameSize)
                target.MaxFrame = (settings[i + 3] << 16) | (settings[i + 4] << 8) | settings[i + 5];
            if (settings[i + 1] == (byte)Http2Setting.MaxConcurrentStreams)
                target.MaxStreams = BinaryPrimitives.ReadInt32BigEndian(settings.AsSpan(i + 2));
        }
        await peer.SendAsync(Http2FrameType.Settings, Http2Flags.Ack, 0, []);
        return target;
    }

    /// <summary>The whole connection ends: GOAWAY with one of the codes, then the end.</summary>
    public async Task ExpectConnectionErrorAsync(params Http2ErrorCode[] codes)
    {
        Http2Peer.Received goAway;
        do
            goAway = await Peer.ExpectAsync(Http2FrameType.GoAway);
        while (goAway.Error == Http2ErrorCode.NoError);
        Assert.Contains(goAway.Error, codes);
        Assert.True(await EndsAsync(), "the connection stays open after its error");
    }

    /// <summary>The stream is reset and the connection goes on; or, as §5.4.2 allows ("MAY choose to treat a stream error as a connection error"), all ends.</summary>
    public async Task ExpectStreamErrorAsync(int streamId, params Http2ErrorCode[] codes)
    {
        Http2Peer.Received end = await Peer.ExpectAsync(s_ends);
        Assert.Contains(end.Error, codes);
        if (end.Type == Http2FrameType.GoAway)
            return;
        Assert.Equal(streamId, end.StreamId);
        await ExpectAliveAsync();
    }

    /// <summary>A malformed request is not answered as a good one (§8.1.1); a 4xx "MAY" come before the reset.</summary>
    public async Task ExpectMalformedAsync(int streamId = 1)
    {
        Http2Peer.Received end = await Peer.ExpectAsync([.. s_ends, Http2FrameType.Headers]);
        if (end.Type == Http2FrameType.Headers)
        {
            Assert.StartsWith("4", end.Fields[":status"]);
            return;
        }
        Assert.Equal(Http2ErrorCode.ProtocolError, end.Error);
        if (end.Type == Http2FrameType.RstStream)
        {
            Assert.Equal(streamId, end.StreamId);
            await ExpectAliveAsync();
        }
    }

    /// <summary>A PING is answered, and nothing broke before.</summary>
    public async Task ExpectAliveAsync()
    {
        byte[] opaque = "are you?"u8.ToArray();
        await Peer.SendAsync(Http2FrameType.Ping, Http2Flags.None, 0, opaque);
        while (true)
        {
            Http2Peer.Received frame = await Peer.ExpectAsync(Http2FrameType.Ping, Http2FrameType.GoAway, Http2FrameType.Data);
            // Of a stream that was given up; it has used the connection's window all the same.
            if (frame.Type == Http2FrameType.Data && frame.Payload.Length > 0)
                await Peer.SendAsync(Http2FrameType.WindowUpdate, 0, (uint)frame.Payload.Length);
            if (frame.Type == Http2FrameType.Data)
                continue;
            Assert.Equal(Http2FrameType.Ping, frame.Type);
            if ((frame.Flags & Http2Flags.Ack) != 0 && frame.Payload.AsSpan().SequenceEqual(opaque))
                return;
            if ((frame.Flags & Http2Flags.Ack) == 0)
                await Peer.SendAsync(Http2FrameType.Ping, Http2Flags.Ack, 0, frame.Payload);
        }
    }

    /// <summary>A request is answered to its end.</summary>
    public async Task<(int Length, string Status)> GetAsync(int streamId, string path = "/")
    {
        await Peer.HeadersAsync(streamId, Peer.Request("GET", path), end: true);
        return await AnswerAsync(streamId);
    }

    /// <summary>The answer on a stream, with credit given for it.</summary>
    public async Task<(int Length, string Status)> AnswerAsync(int streamId)
    {
        int length = 0;
        string status = "";
        while (true)
        {
            Http2Peer.Received frame = await Peer.ExpectAsync(Http2FrameType.Headers, Http2FrameType.Data, Http2FrameType.RstStream, Http2FrameType.GoAway);
            Assert.True(frame.Type is Http2FrameType.Headers or Http2FrameType.Data, $"{frame.Type} {(frame.Type is Http2FrameType.RstStream or Http2FrameType.GoAway ? frame.Error : 0)}");
            if (frame.Payload.Length > 0 && frame.Type == Http2FrameType.Data)
                await Peer.SendAsync(Http2FrameType.WindowUpdate, 0, (uint)frame.Payload.Length);
            if (frame.StreamId != streamId)
                continue;
            if (frame.Type == Http2FrameType.Headers && status.Length == 0)
                status = frame.Fields[":status"];
            else if (frame.Type == Http2FrameType.Data)
                length += frame.Payload.Length;
            if (frame.Ends)
            {
                _answered.Add(streamId);
                return (length, status);
            }
            if (frame.Payload.Length > 0 && frame.Type == Http2FrameType.Data)
                await Peer.SendAsync(Http2FrameType.WindowUpdate, streamId, (uint)frame.Payload.Length);
        }
    }

    public ValueTask DisposeAsync() => Peer.DisposeAsync();

    private async Task<bool> EndsAsync()
    {
        try
        {
            while (await Peer.ReadAsync() is not null)
            {
            }
            return true;
        }
        catch (IOException)
        {
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static async ValueTask ServeAsync(HttpExchange exchange)
    {
        byte[] body = await exchange.ReadBodyAsync();
        exchange.ResponseBody.Write(exchange.Path == "/big" ? s_big : Encoding.ASCII.GetBytes($"{body.Length}\n"));
    }
}
