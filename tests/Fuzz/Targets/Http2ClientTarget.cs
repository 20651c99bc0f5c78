using AotRuntime.Http;
using AotRuntime.Http.Http2;

namespace AotRuntime.Tests.Fuzz.Targets;

/// <summary>An HTTP/2 client whose server says anything: its requests always come to an end.</summary>
internal sealed class Http2ClientTarget : Target
{
    public override string Name => "http2-client";

    public override IEnumerable<byte[]> Seeds =>
    [
        Server(Frames.Head(1, false, ":status", "200", "content-length", "5"), Frames.Of(Http2FrameType.Data, Http2Flags.EndStream, 1, "hello"u8.ToArray()), Frames.Head(3, true, ":status", "204")),
        Server(
            Frames.Of(Http2FrameType.Settings, 0, 0, [0, 3, 0, 0, 0, 1, 0, 4, 0, 0, 0, 9, 0, 1, 0, 0, 0, 0]), Frames.Head(1, false, ":status", "103"), Frames.Head(1, false, ":status", "200"),
            Frames.Of(Http2FrameType.WindowUpdate, 0, 3, [0, 0, 0, 9]), Frames.Head(1, true, "trailer", "x"), Frames.Of(Http2FrameType.RstStream, 0, 3, [0, 0, 0, 7])),
        Server(Frames.Of(Http2FrameType.Ping, 0, 0, new byte[8]), Frames.Of(Http2FrameType.GoAway, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]), Frames.Head(1, true, ":status", "500")),
    ];

    public override byte[] Mutate(Mutator mutator, byte[] seed) => Frames.Mutate(mutator, seed);

    public override async Task RunAsync(byte[] input, Random random)
    {
        // Mutated inputs begin as a client's would.
        if (input.AsSpan().StartsWith(Http2Frame.Preface))
            input = input[Http2Frame.Preface.Length..];
        (TransportConnection near, TransportConnection server) = MemoryTransport.CreatePair();
        Http2ClientConnection client = new(near);
        Task drain = Pieces.DrainAsync(server.Input);
        Task asking = Task.WhenAll(AskAsync(body: false), AskAsync(body: true));
        await Pieces.SendAsync(server.Output, input, random);
        await Task.WhenAny(asking, Task.Delay(20));
        await server.DisposeAsync();
        await asking;
        await client.DisposeAsync();
        await drain;

        async Task AskAsync(bool body)
        {
            try
            {
                HttpRequest request = new()
                {
                    Method = "POST",
                    Target = "/",
                    Body = body ? static async (writer, token) => await writer.WriteAsync(new byte[100_000], token) : null,
                };
                await using HttpResponse response = await client.SendAsync(request);
                await response.ReadBodyAsync();
            }
            catch (IOException)
            {
                // Reset, malformed, lost, or too long.
            }
        }
    }

    private static byte[] Server(params byte[][] frames) => [.. Frames.Of(Http2FrameType.Settings, 0, 0, []), .. frames.SelectMany(f => f)];
}
