using System.Buffers;
using System.Text;
using AotRuntime.Http;
using Google.Protobuf;

namespace AotRuntime.Rpc.Ttrpc;

/// <summary>ttrpc.Request: service = 1, method = 2, payload = 3, timeout_nano = 4, metadata = 5 (key = 1, value = 2).</summary>
internal readonly ref struct TtrpcRequest
{
    public string Service { get; private init; }

    public string Method { get; private init; }

    /// <summary>The request message, still in the connection's buffer; null where the field is absent.</summary>
    public ReadOnlySequence<byte>? Payload { get; private init; }

    public long TimeoutNanoseconds { get; private init; }

    public HttpHeaders Metadata { get; private init; }

    public static bool TryRead(in ReadOnlySequence<byte> body, out TtrpcRequest request)
    {
        request = default;
        string service = "", method = "";
        ReadOnlySequence<byte>? payload = null;
        long timeout = 0;
        var metadata = new HttpHeaders();
        var reader = new SequenceReader<byte>(body);
        while (!reader.End)
        {
            if (!ProtoWire.TryReadVarint(ref reader, out ulong tag))
                return false;
            int wireType = (int)(tag & 7);
            if (wireType == ProtoWire.LengthDelimited && tag >> 3 is 1 or 2 or 3 or 5)
            {
                if (!ProtoWire.TryReadBytes(ref reader, out ReadOnlySequence<byte> bytes))
                    return false;
                switch (tag >> 3)
                {
                    case 1: service = Encoding.UTF8.GetString(bytes); break;
                    case 2: method = Encoding.UTF8.GetString(bytes); break;
                    case 3: payload = bytes; break;
                    default:
                        if (!TryReadPair(bytes, metadata))
                            return false;
                        break;
                }
            }
            else if (tag == (4 << 3 | ProtoWire.Varint))
            {
                if (!ProtoWire.TryReadVarint(ref reader, out ulong value))
                    return false;
                timeout = (long)value;
            }
            else if (!ProtoWire.TrySkip(ref reader, wireType))
            {
                return false;
            }
        }
        request = new() { Service = service, Method = method, Payload = payload, TimeoutNanoseconds = timeout, Metadata = metadata };
        return true;
    }

    /// <summary>A whole request frame.</summary>
    public static byte[] Frame(
        uint streamId, TtrpcFlags flags, string service, string method, IMessage? payload, long timeoutNanoseconds, HttpHeaders? metadata, int limit)
    {
        int payloadSize = payload?.CalculateSize() ?? 0;
        int size = ProtoWire.SizeOfString(service) + ProtoWire.SizeOfString(method);
        if (payloadSize > 0)
            size += ProtoWire.SizeOfBytes(payloadSize);
        if (timeoutNanoseconds > 0)
            size += 1 + ProtoWire.SizeOfVarint((ulong)timeoutNanoseconds);
        foreach ((string key, string value) in metadata ?? [])
            size += ProtoWire.SizeOfBytes(ProtoWire.SizeOfString(key) + ProtoWire.SizeOfString(value));
        TtrpcLimit.Check(size, limit);

        byte[] frame = new byte[TtrpcFrame.HeaderBytes + size];
        new TtrpcFrame((uint)size, streamId, TtrpcFrameType.Request, flags).Write(frame);
        int n = TtrpcFrame.HeaderBytes;
        n += ProtoWire.WriteString(frame.AsSpan(n), 1, service);
        n += ProtoWire.WriteString(frame.AsSpan(n), 2, method);
        if (payloadSize > 0)
        {
            n += ProtoWire.WriteTag(frame.AsSpan(n), 3, ProtoWire.LengthDelimited);
            n += ProtoWire.WriteVarint(frame.AsSpan(n), (uint)payloadSize);
            payload!.WriteTo(frame.AsSpan(n, payloadSize));
            n += payloadSize;
        }
        if (timeoutNanoseconds > 0)
        {
            n += ProtoWire.WriteTag(frame.AsSpan(n), 4, ProtoWire.Varint);
            n += ProtoWire.WriteVarint(frame.AsSpan(n), (ulong)timeoutNanoseconds);
        }
        foreach ((string key, string value) in metadata ?? [])
        {
            n += ProtoWire.WriteTag(frame.AsSpan(n), 5, ProtoWire.LengthDelimited);
            n += ProtoWire.WriteVarint(frame.AsSpan(n), (uint)(ProtoWire.SizeOfString(key) + ProtoWire.SizeOfString(value)));
            n += ProtoWire.WriteString(frame.AsSpan(n), 1, key);
            n += ProtoWire.WriteString(frame.AsSpan(n), 2, value);
        }
        return frame;
    }

    private static bool TryReadPair(in ReadOnlySequence<byte> bytes, HttpHeaders into)
    {
        string key = "", value = "";
        var reader = new SequenceReader<byte>(bytes);
        while (!reader.End)
        {
            if (!ProtoWire.TryReadVarint(ref reader, out ulong tag))
                return false;
            if (tag is (1 << 3 | ProtoWire.LengthDelimited) or (2 << 3 | ProtoWire.LengthDelimited))
            {
                if (!ProtoWire.TryReadBytes(ref reader, out ReadOnlySequence<byte> text))
                    return false;
                if (tag >> 3 == 1)
                    key = Encoding.UTF8.GetString(text);
                else
                    value = Encoding.UTF8.GetString(text);
            }
            else if (!ProtoWire.TrySkip(ref reader, (int)(tag & 7)))
            {
                return false;
            }
        }
        // Metadata is kept as header fields are, and what those could not hold is refused.
        if (key.Length == 0 || value.AsSpan().ContainsAny("\r\n\0"))
            return false;
        into.Add(key, value);
        return true;
    }
}

/// <summary>ttrpc.Response: status = 1 (google.rpc.Status: code = 1, message = 2), payload = 2.</summary>
internal readonly ref struct TtrpcResponse
{
    public RpcStatus Status { get; private init; }

    public string Message { get; private init; }

    /// <summary>The response message, still in the connection's buffer; empty where the field is absent.</summary>
    public ReadOnlySequence<byte> Payload { get; private init; }

    public static bool TryRead(in ReadOnlySequence<byte> body, out TtrpcResponse response)
    {
        response = default;
        int code = 0;
        string message = "";
        ReadOnlySequence<byte> payload = default;
        var reader = new SequenceReader<byte>(body);
        while (!reader.End)
        {
            if (!ProtoWire.TryReadVarint(ref reader, out ulong tag))
                return false;
            if (tag is (1 << 3 | ProtoWire.LengthDelimited) or (2 << 3 | ProtoWire.LengthDelimited))
            {
                if (!ProtoWire.TryReadBytes(ref reader, out ReadOnlySequence<byte> bytes))
                    return false;
                if (tag >> 3 == 2)
                    payload = bytes;
                else if (!TryReadStatus(bytes, ref code, ref message))
                    return false;
            }
            else if (!ProtoWire.TrySkip(ref reader, (int)(tag & 7)))
            {
                return false;
            }
        }
        response = new() { Status = (RpcStatus)code, Message = message, Payload = payload };
        return true;
    }

    /// <summary>A whole response frame. Go's server leaves the status out where it is OK.</summary>
    public static byte[] Frame(uint streamId, RpcStatus status, string message, IMessage? payload, int limit)
    {
        int statusSize = status == RpcStatus.OK ? 0 : 1 + ProtoWire.SizeOfVarint((uint)status) + ProtoWire.SizeOfString(message);
        int payloadSize = payload?.CalculateSize() ?? 0;
        int size = (statusSize == 0 ? 0 : ProtoWire.SizeOfBytes(statusSize)) + (payloadSize == 0 ? 0 : ProtoWire.SizeOfBytes(payloadSize));
        TtrpcLimit.Check(size, limit);

        byte[] frame = new byte[TtrpcFrame.HeaderBytes + size];
        new TtrpcFrame((uint)size, streamId, TtrpcFrameType.Response, TtrpcFlags.None).Write(frame);
        int n = TtrpcFrame.HeaderBytes;
        if (statusSize > 0)
        {
            n += ProtoWire.WriteTag(frame.AsSpan(n), 1, ProtoWire.LengthDelimited);
            n += ProtoWire.WriteVarint(frame.AsSpan(n), (uint)statusSize);
            n += ProtoWire.WriteTag(frame.AsSpan(n), 1, ProtoWire.Varint);
            n += ProtoWire.WriteVarint(frame.AsSpan(n), (uint)status);
            n += ProtoWire.WriteString(frame.AsSpan(n), 2, message);
        }
        if (payloadSize > 0)
        {
            n += ProtoWire.WriteTag(frame.AsSpan(n), 2, ProtoWire.LengthDelimited);
            n += ProtoWire.WriteVarint(frame.AsSpan(n), (uint)payloadSize);
            payload!.WriteTo(frame.AsSpan(n, payloadSize));
        }
        return frame;
    }

    private static bool TryReadStatus(in ReadOnlySequence<byte> bytes, ref int code, ref string message)
    {
        var reader = new SequenceReader<byte>(bytes);
        while (!reader.End)
        {
            if (!ProtoWire.TryReadVarint(ref reader, out ulong tag))
                return false;
            if (tag == (1 << 3 | ProtoWire.Varint))
            {
                if (!ProtoWire.TryReadVarint(ref reader, out ulong value))
                    return false;
                code = (int)value;
            }
            else if (tag == (2 << 3 | ProtoWire.LengthDelimited))
            {
                if (!ProtoWire.TryReadBytes(ref reader, out ReadOnlySequence<byte> text))
                    return false;
                message = Encoding.UTF8.GetString(text);
            }
            else if (!ProtoWire.TrySkip(ref reader, (int)(tag & 7)))
            {
                return false;
            }
        }
        return true;
    }
}

/// <summary>Frames of stream data.</summary>
internal static class TtrpcData
{
    /// <summary>A frame with <paramref name="message"/>, or with no data at all where it is null.</summary>
    public static byte[] Frame(uint streamId, TtrpcFlags flags, IMessage? message, int limit)
    {
        int size = message?.CalculateSize() ?? 0;
        TtrpcLimit.Check(size, limit);
        byte[] frame = new byte[TtrpcFrame.HeaderBytes + size];
        new TtrpcFrame((uint)size, streamId, TtrpcFrameType.Data, message is null ? flags | TtrpcFlags.NoData : flags).Write(frame);
        message?.WriteTo(frame.AsSpan(TtrpcFrame.HeaderBytes));
        return frame;
    }
}

/// <summary>The limit on a frame's length.</summary>
internal static class TtrpcLimit
{
    public static RpcException Exceeded(long size, int limit) =>
        new(RpcStatus.ResourceExhausted, $"message length {size} exceed maximum message size of {limit}");

    public static void Check(int size, int limit)
    {
        if (size > limit)
            throw Exceeded(size, limit);
    }
}
