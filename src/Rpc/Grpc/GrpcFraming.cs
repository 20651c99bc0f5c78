using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using Google.Protobuf;

namespace AotRuntime.Rpc.Grpc;

/// <summary>Length-prefixed messages (gRPC over HTTP/2, "Length-Prefixed-Message"): a flag octet, a big-endian length, the message.</summary>
internal static class GrpcFraming
{
    private const int PrefixBytes = 5;

    /// <summary>What compressing would make no shorter goes as it is; the flag says so for each message.</summary>
    private const int MinCompressed = 256;

    /// <summary>Writes a message without flushing; in gzip where that is agreed and worth it.</summary>
    public static void Write(PipeWriter writer, IMessage message, int limit, bool compress = false)
    {
        int size = message.CalculateSize();
        if (size > limit)
            throw new RpcException(RpcStatus.ResourceExhausted, $"grpc: trying to send message larger than max ({size} vs. {limit})");
        if (compress && size >= MinCompressed)
        {
            WriteCompressed(writer, message);
            return;
        }
        Span<byte> to = writer.GetSpan(PrefixBytes + size);
        to[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(to[1..], size);
        message.WriteTo(to.Slice(PrefixBytes, size));
        writer.Advance(PrefixBytes + size);
    }

    private static void WriteCompressed(PipeWriter writer, IMessage message)
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
            message.WriteTo(gzip);
        Span<byte> to = writer.GetSpan(PrefixBytes);
        to[0] = 1;
        BinaryPrimitives.WriteInt32BigEndian(to[1..], (int)packed.Length);
        writer.Advance(PrefixBytes);
        writer.Write(packed.GetBuffer().AsSpan(0, (int)packed.Length));
    }

    /// <summary>Reads the next message, or null at the end. With <paramref name="large"/>, a large message's data is valid until the next is read.</summary>
    /// <exception cref="RpcException">The message is too long, cut off, compressed in an unknown way, or not what the parser expects.</exception>
    public static async ValueTask<IMessage?> ReadAsync(PipeReader reader, MessageParser parser, int limit, string? encoding, CancellationToken cancellationToken, GrpcLargeMessages? large = null)
    {
        while (true)
        {
            ReadResult result = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = result.Buffer;
            if (TryTake(ref buffer, limit, out byte flag, out ReadOnlySequence<byte> body))
            {
                IMessage message = Parse(body, flag, parser, limit, encoding, large);
                reader.AdvanceTo(buffer.Start);
                return message;
            }
            bool cutOff = !buffer.IsEmpty;
            reader.AdvanceTo(buffer.Start, buffer.End);
            if (!result.IsCompleted)
                continue;
            return cutOff ? throw new RpcException(RpcStatus.Internal, "unexpected EOF") : null;
        }
    }

    private static bool TryTake(ref ReadOnlySequence<byte> buffer, int limit, out byte flag, out ReadOnlySequence<byte> body)
    {
        flag = 0;
        body = default;
        if (buffer.Length < PrefixBytes)
            return false;
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        buffer.Slice(0, PrefixBytes).CopyTo(prefix);
        flag = prefix[0];
        uint length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (length > (uint)limit)
            throw new RpcException(RpcStatus.ResourceExhausted, $"grpc: received message larger than max ({length} vs. {limit})");
        if (buffer.Length < PrefixBytes + length)
            return false;
        body = buffer.Slice(PrefixBytes, length);
        buffer = buffer.Slice(PrefixBytes + length);
        return true;
    }

    private static IMessage Parse(in ReadOnlySequence<byte> body, byte flag, MessageParser parser, int limit, string? encoding, GrpcLargeMessages? large)
    {
        try
        {
            return flag switch
            {
                0 => large is null ? parser.ParseFrom(body) : large.Parse(body, parser),
                1 when encoding == "gzip" => parser.ParseFrom(Inflate(body, limit)),
                1 => throw new RpcException(RpcStatus.Internal, "grpc: compressed flag set with identity or empty encoding"),
                _ => throw new RpcException(RpcStatus.Internal, $"grpc: received unexpected payload format {flag}"),
            };
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new RpcException(RpcStatus.Internal, $"grpc: failed to unmarshal the received message: {e.Message}");
        }
    }

    private static byte[] Inflate(in ReadOnlySequence<byte> body, int limit)
    {
        using var gzip = new GZipStream(new MemoryStream(body.ToArray(), writable: false), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(32 * 1024);
        try
        {
            for (int n; (n = gzip.Read(buffer)) > 0;)
            {
                plain.Write(buffer, 0, n);
                if (plain.Length > limit)
                    throw new RpcException(RpcStatus.ResourceExhausted, $"grpc: received message after decompression larger than max {limit}");
            }
        }
        catch (InvalidDataException e)
        {
            throw new RpcException(RpcStatus.Internal, $"grpc: failed to decompress the received message: {e.Message}");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return plain.ToArray();
    }
}
