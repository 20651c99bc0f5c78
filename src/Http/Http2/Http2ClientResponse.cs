using System.IO.Pipelines;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Http.Http2;

/// <summary>A request under way and its response.</summary>
internal sealed class Http2ClientResponse(Http2ClientSession session, Http2Stream stream) : HttpResponse
{
    private readonly TaskCompletionSource<HttpResponse> _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _statusCode;

    public override int StatusCode => _statusCode;

    public override HttpHeaders Headers { get; } = new();

    public override HttpHeaders Trailers => stream.ReceivedTrailers;

    public override long? ContentLength => stream.ExpectedLength;

    public override PipeReader Body => stream.Reader;

    /// <summary>This response, once its fields are there.</summary>
    public Task<HttpResponse> Arrived => _arrived.Task;

    /// <summary>Whether the final fields have come (read loop).</summary>
    public bool HasHead { get; private set; }

    /// <summary>The request's body.</summary>
    public PipeWriter RequestBody => stream.Writer;

    /// <summary>Cancelled when the stream is reset or lost.</summary>
    public CancellationToken Aborted => stream.Aborted;

    /// <summary>Why the stream ended early, if it did.</summary>
    public Http2StreamException? Error
    {
        get
        {
            lock (session.Gate)
                return stream.Error;
        }
    }

    /// <summary>Sends the head even where no body follows yet.</summary>
    public void SendHead() => session.Output.Schedule(stream);

    /// <summary>Ends the request's body.</summary>
    public void CompleteRequest()
    {
        ((Http2BodyWriter)stream.Writer).CompleteInner();
        lock (session.Gate)
        {
            if (stream.SendDone)
                return;
            stream.SendDone = true;
            session.Output.ScheduleLocked(stream);
        }
    }

    /// <summary>Gives the exchange up.</summary>
    public void Cancel(Http2ErrorCode code = Http2ErrorCode.Cancel) => session.Reset(stream, code, "cancelled");

    /// <summary>Takes a response's first fields; interim responses (1xx) are passed over. False where they are malformed.</summary>
    public bool TryTakeHead(List<HpackField> fields, bool endStream)
    {
        int status = 0;
        long? length = null;
        foreach (HpackField field in fields)
        {
            if (field.Name == ":status" && status == 0 && field.Value.Length == 3 && int.TryParse(field.Value, out status) && status >= 100)
                continue;
            if (status == 0 || field.Name.StartsWith(':') || !Http2Fields.IsValid(field))
                return false;
            if (field.Name == "content-length" && (length = Http2Fields.ParseLength(field.Value)) is null)
                return false;
            if (status >= 200)
                Headers.Add(field.Name, field.Value);
        }
        if (status is 0 or 101)
            return false;
        if (status < 200)
            return !endStream;
        _statusCode = status;
        if (!IsHead && status is not (204 or 304))
            stream.ExpectedLength = length;
        HasHead = true;
        return true;
    }

    /// <summary>Whether the request was HEAD, so that content-length tells of a body that does not come.</summary>
    public bool IsHead { get; init; }

    public void Announce()
    {
        if (HasHead)
            _arrived.TrySetResult(this);
    }

    public void Fail(Http2StreamException error)
    {
        _arrived.TrySetException(error);
        _ = _arrived.Task.Exception; // seen: nobody need wait for it
    }

    public override ValueTask DisposeAsync()
    {
        session.Reset(stream, Http2ErrorCode.Cancel, "cancelled"); // does nothing to a stream that has ended
        stream.DiscardReceive();
        return ValueTask.CompletedTask;
    }
}
