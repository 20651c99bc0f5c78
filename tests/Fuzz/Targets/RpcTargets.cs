using System.Buffers;
using System.Buffers.Binary;
using AotRuntime.Http;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using AotRuntime.Rpc.Containerd.Images;
using AotRuntime.Rpc.Containerd.Shim;
using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Tasks;
using AotRuntime.Rpc.Containerd.Types;
using AotRuntime.Rpc.Ttrpc;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Mount = AotRuntime.Rpc.Containerd.Types.Mount;

namespace AotRuntime.Tests.Fuzz.Targets;

/// <summary>A ttrpc server that gets any frames.</summary>
internal sealed class TtrpcServerTarget : Target
{
    public override string Name => "ttrpc-server";

    public override IEnumerable<byte[]> Seeds
    {
        get
        {
            byte[] connect = TtrpcRequest.Frame(1, TtrpcFlags.RemoteClosed, "containerd.task.v2.Task", "Connect", new ConnectRequest { Id = "a" }, 0, null, 1 << 20);
            byte[] wait = TtrpcRequest.Frame(3, TtrpcFlags.None, "containerd.task.v2.Task", "Wait", new AotRuntime.Rpc.Containerd.Shim.WaitRequest { Id = "a" }, 1_000_000, [], 1 << 20);
            byte[] stream = TtrpcRequest.Frame(5, TtrpcFlags.RemoteOpen, "containerd.services.content.v1.Content", "Write", null, 0, null, 1 << 20);
            byte[] data = TtrpcData.Frame(5, TtrpcFlags.None, new WriteContentRequest { Offset = 1 }, 1 << 20);
            byte[] end = TtrpcData.Frame(5, TtrpcFlags.RemoteClosed, null, 1 << 20);
            return [[.. connect, .. wait], [.. stream, .. data, .. data, .. end], [.. connect, .. stream, .. end]];
        }
    }

    public override byte[] Mutate(Mutator mutator, byte[] seed)
    {
        if (mutator.Random.Next(2) == 0)
            return mutator.Bytes(seed, []);
        // Change bodies and keep the frames whole, so that what is inside is read, too.
        List<byte> result = [];
        for (int at = 0; at + TtrpcFrame.HeaderBytes <= seed.Length;)
        {
            int length = (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(seed.AsSpan(at)), (uint)(seed.Length - at - TtrpcFrame.HeaderBytes));
            byte[] header = seed[at..(at + TtrpcFrame.HeaderBytes)];
            byte[] body = seed.AsSpan(at + TtrpcFrame.HeaderBytes, length).ToArray();
            if (mutator.Random.Next(2) == 0)
                body = mutator.Bytes(body, []);
            if (mutator.Random.Next(4) == 0)
                header[mutator.Random.Next(7, 10)] = (byte)mutator.Random.Next(8);
            BinaryPrimitives.WriteUInt32BigEndian(header, (uint)body.Length);
            result.AddRange([.. header, .. body]);
            at += TtrpcFrame.HeaderBytes + length;
        }
        return [.. result];
    }

    public override async Task RunAsync(byte[] input, Random random)
    {
        RpcServiceTable table = new();
        table.Unary(ShimTaskMethods.V2.Connect, (request, _) => new ConnectResponse { Version = request.Id });
        table.Unary(ShimTaskMethods.V2.Wait, async (_, context) =>
        {
            await Task.Delay(Timeout.Infinite, context.Cancelled);
            return new AotRuntime.Rpc.Containerd.Shim.WaitResponse();
        });
        table.Duplex(ContentMethods.Write, async (reader, writer, _) =>
        {
            while (await reader.ReadAsync() is { } message)
                await writer.WriteAsync(new WriteContentResponse { Offset = message.Offset });
        });
        (TransportConnection client, TransportConnection server) = MemoryTransport.CreatePair();
        Task serving = new TtrpcServer(table, new TtrpcOptions { StreamBacklogPatience = TimeSpan.FromMilliseconds(20) }).ServeAsync(server);
        Task drain = Pieces.DrainAsync(client.Input);
        await Pieces.SendAsync(client.Output, input, random);
        await Task.WhenAny(drain, Task.Delay(20));
        await client.DisposeAsync();
        await serving;
        await drain;
    }
}

/// <summary>ttrpc's envelopes: the same whatever the splits, and no other than the protobuf library would read.</summary>
internal sealed class TtrpcEnvelopeTarget : Target
{
    public override string Name => "ttrpc-envelope";

    public override IEnumerable<byte[]> Seeds =>
    [
        TtrpcRequest.Frame(1, TtrpcFlags.None, "service", "method", new ConnectRequest { Id = "a" }, 12345, Metadata(), 1 << 20)[TtrpcFrame.HeaderBytes..],
        TtrpcResponse.Frame(1, RpcStatus.NotFound, "no such task", new ConnectResponse { Version = "v", ShimPid = 7 }, 1 << 20)[TtrpcFrame.HeaderBytes..],
        [0x0d, 1, 2, 3, 4, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x12, 1, (byte)'m'],
    ];

    public override Task RunAsync(byte[] input, Random random)
    {
        string request = Request(new ReadOnlySequence<byte>(input)), response = Response(new ReadOnlySequence<byte>(input));
        for (int i = 0; i < 2; i++)
        {
            Same(request, Request(Pieces.Segmented(input, random)), "request");
            Same(response, Response(Pieces.Segmented(input, random)), "response");
        }
        return Task.CompletedTask;
    }

    private static HttpHeaders Metadata()
    {
        HttpHeaders headers = [];
        headers.Add("containerd-namespace-ttrpc", "default");
        return headers;
    }

    private static string Request(ReadOnlySequence<byte> body) => TtrpcRequest.TryRead(body, out TtrpcRequest r)
        ? $"{r.Service} {r.Method} {r.TimeoutNanoseconds} {(r.Payload is { } p ? Convert.ToHexString(p.ToArray()) : "none")} {string.Join(',', r.Metadata.Select(m => $"{m.Key}={m.Value}"))}"
        : "refused";

    private static string Response(ReadOnlySequence<byte> body) => TtrpcResponse.TryRead(body, out TtrpcResponse r)
        ? $"{r.Status} {r.Message} {Convert.ToHexString(r.Payload.ToArray())}"
        : "refused";
}

/// <summary>Our messages from any bytes: refused, or read and written again to the same.</summary>
internal sealed class ProtobufTarget : Target
{
    private static readonly MessageParser[] s_parsers =
    [
        WriteContentRequest.Parser, CreateImageRequest.Parser, PrepareSnapshotRequest.Parser, AotRuntime.Rpc.Containerd.Tasks.CreateTaskRequest.Parser, AotRuntime.Rpc.Containerd.Shim.CreateTaskRequest.Parser, Any.Parser, Timestamp.Parser, Mount.Parser,
    ];

    public override string Name => "protobuf";

    public override IReadOnlyList<string> Words => ["\n\0", "\u0012\u0004", "types.containerd.io/opencontainers/runtime-spec/1/Spec", "containerd.runc.v1.Options", "\b", "\u001a"];

    public override IEnumerable<byte[]> Seeds
    {
        get
        {
            WriteContentRequest write = new() { Action = WriteAction.Commit, Ref = "r", Total = 3, Expected = "sha256:x", Offset = 1, Data = ByteString.CopyFromUtf8("abc") };
            write.Labels["a"] = "b";
            AotRuntime.Rpc.Containerd.Tasks.CreateTaskRequest create = new() { ContainerId = "c", Stdin = "/a", Options = new Any { TypeUrl = "containerd.runc.v1.Options", Value = ByteString.CopyFrom(8, 1) } };
            create.Rootfs.Add(new Mount { Type = "overlay", Source = "overlay", Options = { "lowerdir=/a:/b" } });
            Image image = new() { Name = "n", Target = new OciDescriptor { MediaType = "m", Digest = "d", Size = 5 }, CreatedAt = Timestamp.FromDateTime(DateTime.UnixEpoch) };
            return [write.ToByteArray(), create.ToByteArray(), new CreateImageRequest { Image = image }.ToByteArray(), Enumerable.Repeat((byte)0x0b, 200).ToArray()];
        }
    }

    public override Task RunAsync(byte[] input, Random random)
    {
        foreach (MessageParser parser in s_parsers)
        {
            IMessage message;
            try
            {
                message = parser.ParseFrom(input);
            }
            catch (InvalidProtocolBufferException)
            {
                continue;
            }
            byte[] bytes = message.ToByteArray();
            Same(Convert.ToHexString(bytes), Convert.ToHexString(parser.ParseFrom(bytes).ToByteArray()), message.GetType().Name);
        }
        return Task.CompletedTask;
    }
}
