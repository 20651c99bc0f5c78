using System.IO.Pipelines;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Http.Http2;

/// <summary>The client's side of a connection: its streams get their ids when the writer puts them on the wire.</summary>
internal sealed class Http2ClientSession : Http2Connection
{
    private readonly Queue<Http2Stream> _waiting = new();  // G; for a place among the peer's concurrent streams
    private int _nextId = 1;                               // G
    private uint _peerMaxStreams = int.MaxValue;           // G
    private bool _closed;                                  // G; GOAWAY or lost
    private string _closedWhy = "the connection is closing"; // G

    public Http2ClientSession(TransportConnection transport, Http2Options options, int maxHeaderBytes, TimeProvider? time = null)
        : base(transport, options, maxHeaderBytes, Timeout.InfiniteTimeSpan, time)
    {
        Start(Http2Frame.Preface,
        [
            (Http2Setting.EnablePush, 0),
            (Http2Setting.InitialWindowSize, Options.StreamWindow),
            (Http2Setting.MaxFrameSize, Options.MaxFrameSize),
            (Http2Setting.MaxHeaderListSize, maxHeaderBytes),
        ]);
        Completion = RunAsync();
    }

    /// <summary>Ends with the connection.</summary>
    public Task Completion { get; }

    public bool IsOpen
    {
        get
        {
            lock (Gate)
                return !_closed;
        }
    }

    /// <summary>Begins a request; its head goes out with the next pass of the writer.</summary>
    /// <exception cref="Http2StreamException">The connection takes no more requests.</exception>
    public Http2ClientResponse Begin(List<HpackField> head, bool hasBody, bool isHead = false)
    {
        var stream = new Http2Stream(this) { Head = head, SendDone = !hasBody };
        var response = new Http2ClientResponse(this, stream) { IsHead = isHead };
        stream.Owner = response;
        if (hasBody)
            _ = stream.Writer; // made before the writer loop can look for it
        lock (Gate)
        {
            if (_closed)
                throw new Http2StreamException(Http2ErrorCode.RefusedStream, _closedWhy) { NotProcessed = true, ConnectionLost = true };
            if (!hasBody)
                Output.ScheduleLocked(stream);
        }
        return response;
    }

    public override bool TryOpenLocked(Http2Stream stream)
    {
        if (stream.Id != 0)
            return true;
        if (_closed || OpenStreamsLocked >= _peerMaxStreams || _nextId < 0)
        {
            if (!_waiting.Contains(stream))
                _waiting.Enqueue(stream);
            if (_closed)
                ThreadPool.UnsafeQueueUserWorkItem(static session => session.FailWaiting(), this, preferLocal: false);
            return false;
        }
        stream.Id = _nextId;
        _nextId += 2;
        AddLocked(stream);
        return true;
    }

    public override void OnUnsentLocked(Http2Stream stream)
    {
        // One with an id is among the streams that end with the connection; this one nobody else would end.
        if (stream.Id != 0 || stream.LocalClosed)
            return;
        if (!_waiting.Contains(stream))
            _waiting.Enqueue(stream);
        ThreadPool.UnsafeQueueUserWorkItem(static session => session.FailWaiting(), this, preferLocal: false);
    }

    protected override void OnRemovedLocked(Http2Stream stream) => WakeOneLocked();

    protected override void OnSettingLocked(Http2Setting setting, uint value)
    {
        if (setting == Http2Setting.EnablePush && value != 0)
            throw Protocol("a server must not enable push"); // §6.5.2
        if (setting != Http2Setting.MaxConcurrentStreams)
            return;
        _peerMaxStreams = value;
        while (_waiting.TryDequeue(out Http2Stream? next))
            Output.ScheduleLocked(next);
    }

    protected override bool IsIdle(int streamId)
    {
        lock (Gate)
            return (streamId & 1) == 0 || streamId >= _nextId;
    }

    protected override bool TakesData(Http2Stream stream) => ((Http2ClientResponse)stream.Owner!).HasHead;

    protected override void OnHeaders(int streamId, bool endStream, List<HpackField> fields, bool complete)
    {
        if (IsIdle(streamId))
            throw Protocol("HEADERS on a stream that was not begun");
        if (Find(streamId) is not { } stream)
            return; // cancelled by us
        if (stream.RemoteClosed)
        {
            Reset(stream, Http2ErrorCode.StreamClosed, "HEADERS after END_STREAM");
            return;
        }
        var response = (Http2ClientResponse)stream.Owner!;
        bool well = complete && (response.HasHead
            ? endStream && Http2Fields.TryAddTrailers(fields, stream.ReceivedTrailers)
            : response.TryTakeHead(fields, endStream));
        if (!well)
        {
            Reset(stream, Http2ErrorCode.ProtocolError, complete ? "malformed header block" : "header list too large");
            return;
        }
        if (endStream)
            OnRemoteEnd(stream);
        response.Announce();
    }

    protected override void OnKilled(Http2Stream stream, Http2StreamException error)
    {
        ((Http2ClientResponse)stream.Owner!).Fail(error);
        lock (Gate)
        {
            if (stream.Id == 0)
                WakeOneLocked(); // it may have been woken for a place that it does not take any more
        }
    }

    protected override void OnGoAway(int lastStreamId, Http2ErrorCode code, string debug)
    {
        List<Http2Stream> unprocessed = [];
        lock (Gate)
        {
            _closed = true;
            _closedWhy = $"received prior goaway: code: {Http2ErrorNames.Of(code)}, debug data: \"{debug}\"";
            foreach (Http2Stream stream in StreamsLocked)
            {
                if (stream.Id > lastStreamId)
                    unprocessed.Add(stream);
            }
        }
        foreach (Http2Stream stream in unprocessed)
            Kill(stream, new Http2StreamException(Http2ErrorCode.RefusedStream, _closedWhy) { NotProcessed = true, ConnectionLost = true }, tell: false);
        FailWaiting();
    }

    protected override void OnLost()
    {
        lock (Gate)
            _closed = true;
        FailWaiting();
    }

    /// <summary>A place is free: the next that still wants one looks again.</summary>
    private void WakeOneLocked()
    {
        while (_waiting.TryDequeue(out Http2Stream? next))
        {
            if (next.LocalClosed)
                continue;
            Output.ScheduleLocked(next);
            return;
        }
    }

    private void FailWaiting()
    {
        while (true)
        {
            Http2Stream? stream;
            lock (Gate)
            {
                if (!_waiting.TryDequeue(out stream))
                    return;
            }
            Kill(stream, new Http2StreamException(Http2ErrorCode.RefusedStream, _closedWhy) { NotProcessed = true, ConnectionLost = true }, tell: false);
        }
    }

    private async Task RunAsync()
    {
        await ReadAsync().ConfigureAwait(false);
        await Transport.DisposeAsync().ConfigureAwait(false);
    }
}
