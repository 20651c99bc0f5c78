using System.Buffers;

namespace AotRuntime.Http;

/// <summary>What a response's fields say of its framing.</summary>
/// <param name="Length">The content-length told, or -1.</param>
/// <param name="HasDate">Whether there is a Date.</param>
/// <param name="Closes">Whether they end the connection.</param>
internal readonly record struct ResponseHead(long Length, bool HasDate, bool Closes);

/// <summary>
/// A response's status line and fields, as they were last written: handlers mostly set the same strings again, and then the octets that are
/// there are sent again. One for all connections of a server.
/// </summary>
internal sealed class Http1HeadTemplate
{
    /// <summary>Longer ones differ too often to be worth keeping.</summary>
    private const int MaxFields = 16;

    /// <summary>So many other responses pass before another is kept: keeping costs more than it saves where each differs.</summary>
    private const int Patience = 32;

    private volatile Made? _last;
    private int _others;

    private sealed record Made(int Status, string[] Lines, byte[] Octets, ResponseHead Head);

    /// <summary>Writes status and fields, but for those that only the connection may set.</summary>
    public ResponseHead Write(IBufferWriter<byte> output, int status, HttpHeaders headers)
    {
        Made? last = _last;
        if (last is not null && last.Status == status && headers.IsSame(last.Lines))
        {
            output.Write(last.Octets);
            return last.Head;
        }
        // Counted by several connections at once, so not exactly: it need not be.
        if (headers.Count > MaxFields || (last is not null && ++_others < Patience))
            return Http1HeadWriter.WriteResponse(output, status, headers);
        _others = 0;
        ArrayBufferWriter<byte> octets = new(512);
        ResponseHead head = Http1HeadWriter.WriteResponse(octets, status, headers);
        _last = new Made(status, headers.ToLines(), octets.WrittenSpan.ToArray(), head);
        output.Write(octets.WrittenSpan);
        return head;
    }
}
