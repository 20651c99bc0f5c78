using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.Http.Http2.Hpack;

namespace AotRuntime.Http.Http2;

/// <summary>The server's side: a header block begins a request, whose handler runs when the frames at hand are read.</summary>
internal sealed class Http2ServerConnection(TransportConnection transport, HttpRequestHandler handler, HttpServerOptions options, TimeProvider? time = null)
    : Http2Connection(transport, options.Http2, options.MaxHeaderBytes, options.IdleTimeout, time)
{
    private static readonly byte[] s_drainPing = "draining"u8.ToArray();

    /// <summary>Lists of fields that are kept for answers to come.</summary>
    private const int MaxFreeHeaders = 32;

    private readonly Stack<HttpHeaders> _freeHeaders = new(); // G
    private readonly TaskCompletionSource _handlersDone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _handlers;     // G
    private bool _ending;      // G; no more handlers begin
    private bool _draining;    // G; a first GOAWAY was sent, the PING after it not yet answered
    private bool _refusing;    // G; the final GOAWAY was sent

    private Http2RequestHead? _lastHead; // R; of the last header block, if that was a request's

    public HttpRequestHandler Handler { get; } = handler;

    /// <summary>Answers' fields.</summary>
    public Http2HeadTemplate Heads { get; } = new();

    /// <summary>Fields after answers' bodies.</summary>
    public Http2HeadTemplate Trailers { get; } = new();

    public async Task RunAsync(CancellationToken stopping)
    {
        if (!await ReadPrefaceAsync().ConfigureAwait(false))
        {
            Timers.Dispose();
            return;
        }
        Start([],
        [
            (Http2Setting.MaxConcurrentStreams, Options.MaxConcurrentStreams),
            (Http2Setting.InitialWindowSize, Options.StreamWindow),
            (Http2Setting.MaxFrameSize, Options.MaxFrameSize),
            (Http2Setting.MaxHeaderListSize, options.MaxHeaderBytes),
        ]);
        using (stopping.UnsafeRegister(static state => ((Http2ServerConnection)state!).BeginDrain(), this))
            await ReadAsync().ConfigureAwait(false);
        lock (Gate)
        {
            _ending = true;
            if (_handlers == 0)
                _handlersDone.TrySetResult();
        }
        await _handlersDone.Task.ConfigureAwait(false);
    }

    /// <summary>A handler threw; what comes of a client that went away is no error.</summary>
    public void ReportError(Exception e)
    {
        if (e is not (OperationCanceledException or Http2StreamException))
            options.OnError?.Invoke(e);
    }

    /// <summary>An empty list for an answer's fields; <see cref="OnHandled"/> takes it back.</summary>
    public HttpHeaders RentHeaders()
    {
        lock (Gate)
            return RentHeadersLocked();
    }

    /// <summary>A handler has returned; its lists are used again.</summary>
    public void OnHandled(HttpHeaders headers, HttpHeaders? trailers)
    {
        headers.Clear();
        trailers?.Clear();
        lock (Gate)
        {
            if (_freeHeaders.Count < MaxFreeHeaders)
            {
                _freeHeaders.Push(headers);
                if (trailers is not null)
                    _freeHeaders.Push(trailers);
            }
            _handlers--;
            if (_handlers == 0)
                Timers.OnIdle(true);
            if (_ending && _handlers == 0)
                _handlersDone.TrySetResult();
        }
        EndIfDrained();
    }

    public override void OnLocalEnd(Http2Stream stream)
    {
        lock (Gate)
        {
            stream.LocalClosed = true;
            if (!stream.RemoteClosed)
            {
                // RFC 9113 §8.1: the answer is complete and does not depend on what the client has yet to send.
                stream.RemoteClosed = true;
                Output.Reset(stream.Id, Http2ErrorCode.NoError);
                RemoveLocked(stream, resetByUs: true);
            }
            RemoveLocked(stream);
        }
        stream.EndReceive(null);
        EndIfDrained();
    }

    protected override bool IsIdle(int streamId) => (streamId & 1) == 0 || streamId > LastPeerStream;

    protected override void OnPeerReset(Http2Stream stream) => Guard.OnReset();

    protected override void OnSettingLocked(Http2Setting setting, uint value)
    {
        if (setting == Http2Setting.EnablePush && value > 1)
            throw Protocol("SETTINGS_ENABLE_PUSH must be 0 or 1");
    }

    protected override void OnPong(ReadOnlySpan<byte> payload)
    {
        if (!payload.SequenceEqual(s_drainPing))
            return;
        bool final;
        lock (Gate)
        {
            final = _draining && !_refusing;
            _refusing |= final;
        }
        if (!final)
            return;
        Output.GoAway(LastPeerStream, Http2ErrorCode.NoError, "");
        EndIfDrained();
    }

    protected override void OnHeaders(int streamId, bool endStream, List<HpackField> fields, bool complete)
    {
        if (!BlockRepeats)
            _lastHead = null;
        if (streamId <= LastPeerStream && Find(streamId) is { } open)
        {
            OnTrailers(open, endStream, fields, complete);
            return;
        }
        if ((streamId & 1) == 0)
            throw Protocol("clients' streams have odd ids"); // §5.1.1
        if (streamId <= LastPeerStream)
        {
            OnHeadersOfClosed(streamId);
            return;
        }
        LastPeerStream = streamId;

        // A head that has come twice is kept, and belongs to no exchange alone.
        Http2RequestHead? head = _lastHead;
        if (head is null && complete && !Http2RequestHead.TryParse(fields, out head))
        {
            Guard.OnProvokedReset();
            lock (Gate)
                RefuseLocked(streamId, Http2ErrorCode.ProtocolError);
            return;
        }
        if (BlockRepeats)
            _lastHead = head;
        var stream = new Http2Stream(this) { Id = streamId, ExpectedLength = head?.ContentLength };
        bool empty = endStream && stream.ExpectedLength is null or 0;
        if (empty)
            stream.BeginEnded();
        HttpHeaders answer;
        lock (Gate)
        {
            // Handlers beyond their streams (reset meanwhile), and streams beyond their handlers (whose answers wait for credit): neither may add up.
            if (_refusing || _handlers >= Options.MaxConcurrentStreams || OpenStreamsLocked >= Options.MaxConcurrentStreams)
            {
                RefuseLocked(streamId, Http2ErrorCode.RefusedStream);
                return;
            }
            _handlers++;
            Timers.OnIdle(false);
            AddLocked(stream);
            answer = RentHeadersLocked();
        }
        var exchange = new Http2ServerExchange(this, stream, head ?? Http2RequestHead.TooLarge, shared: _lastHead is not null, answer);
        stream.Owner = exchange;
        if (endStream && !empty)
            OnRemoteEnd(stream);
        // Not here: the read loop goes on first, so that a handler that blocks holds up no other stream.
        IoLoop.Post(exchange);
    }

    private HttpHeaders RentHeadersLocked() => _freeHeaders.TryPop(out HttpHeaders? free) ? free : new();

    private void OnHeadersOfClosed(int streamId)
    {
        switch (WasResetByUs(streamId))
        {
            case true:
                return; // trailers of a stream that we have reset; its peer could not know yet
            case false:
                throw new Http2ConnectionException(Http2ErrorCode.StreamClosed, "HEADERS on a closed stream"); // §5.1
            default:
                throw Protocol("stream ids must grow"); // §5.1.1
        }
    }

    public override void OnIdleTimeout()
    {
        bool again;
        lock (Gate)
            again = _draining;
        // A client that does not answer the drain's PING in all that time is not there.
        if (again)
            EndBy(new IOException("the client did not leave an idle connection"));
        else
            BeginDrain();
    }

    private void OnTrailers(Http2Stream stream, bool endStream, List<HpackField> fields, bool complete)
    {
        if (stream.RemoteClosed)
            Breach(stream, Http2ErrorCode.StreamClosed, "HEADERS after END_STREAM");
        else if (!endStream || !complete || !Http2Fields.TryAddTrailers(fields, stream.ReceivedTrailers))
            Breach(stream, Http2ErrorCode.ProtocolError, "malformed trailers"); // §8.1
        else
            OnRemoteEnd(stream);
    }

    /// <summary>Two steps (§6.8): "any id may still come", so that requests under way are not lost, and the real last id one round trip later.</summary>
    private void BeginDrain()
    {
        lock (Gate)
        {
            if (_draining)
                return;
            _draining = true;
        }
        Output.GoAway(int.MaxValue, Http2ErrorCode.NoError, "graceful_stop");
        Output.Control(Http2FrameType.Ping, Http2Flags.None, 0, s_drainPing);
    }

    private void EndIfDrained()
    {
        if (!Volatile.Read(ref _refusing))
            return; // once it is set, whoever has set it looks, too
        lock (Gate)
        {
            if (!_refusing || _handlers > 0 || OpenStreamsLocked > 0)
                return;
        }
        Transport.Input.CancelPendingRead();
    }

    private async Task<bool> ReadPrefaceAsync()
    {
        PipeReader input = Transport.Input;
        ReadResult result = await input.ReadAtLeastAsync(Http2Frame.Preface.Length).ConfigureAwait(false);
        ReadOnlySequence<byte> buffer = result.Buffer;
        if (buffer.Length < Http2Frame.Preface.Length)
        {
            input.AdvanceTo(buffer.End);
            return false;
        }
        byte[] preface = buffer.Slice(0, Http2Frame.Preface.Length).ToArray();
        input.AdvanceTo(buffer.GetPosition(Http2Frame.Preface.Length));
        return Http2Frame.Preface.SequenceEqual(preface);
    }
}
