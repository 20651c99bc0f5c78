using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;
using AotRuntime.Linux;

namespace AotRuntime.Http;

/// <summary>
/// Writes a socket: a flush sends at once, on the caller's thread. What the kernel does not take waits here and goes on when the loop tells of
/// room, so that a cancelled flush leaves no half message behind; a flush waits only when much has gathered. Large pieces of the caller's own
/// memory are sent out of it, without a copy.
/// </summary>
/// <remarks>
/// The writer's side (memory, advance, commit, flush) is one caller's at a time, as with every pipe. <see cref="Kick"/> and the loop may come
/// at any time: they touch committed bytes only. Bytes of one segment up to <c>Sent</c> are gone, up to <c>Committed</c> may be sent, up to
/// <c>Written</c> are the writer's.
/// </remarks>
internal sealed class SocketSender(SafeHandle socket, SocketConnection connection) : PipeWriter, IValueTaskSource<FlushResult>
{
    /// <summary>How much may wait to be sent before a flush waits too, and when it goes on.</summary>
    private const int Pause = 128 * 1024;

    private const int Resume = Pause / 2;
    private const int MinSegment = 8 * 1024;
    private const int MaxSegment = 64 * 1024;

    /// <summary>From here on a piece is worth being waited for in its writer's memory.</summary>
    private const int MinDirect = 16 * 1024;

    private readonly Lock _gate = new();
    // A writer that waited goes on elsewhere: if it blocked on the loop's stack, the loop would first have to notice.
    private ManualResetValueTaskSourceCore<FlushResult> _core = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancellation;

    // The writer's.
    private int _uncommitted;
    private bool _completed;

    // Guarded by _gate.
    private Segment? _head;
    private Segment? _tail;
    private Segment? _spare;
    private bool _held;        // the writer may have memory of the tail
    private long _pending;     // committed, not yet sent
    private bool _sending;     // a thread is in send(2)
    private bool _blocked;     // waits for the loop to tell of room
    private bool _watching;    // the loop tells of room
    private bool _last;        // nothing follows what is committed
    private bool _over;        // nothing is sent any more
    private bool _waiting;
    private bool _cancelRequested;
    private TaskCompletionSource? _finished;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _uncommitted;

    /// <summary>Whether anything was committed that no flush or kick has sent. For the writer alone.</summary>
    public bool HasCommitted { get; private set; }

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        Segment tail = Room(sizeHint);
        return tail.Array.AsMemory(tail.Written);
    }

    public override Span<byte> GetSpan(int sizeHint = 0)
    {
        Segment tail = Room(sizeHint);
        return tail.Array.AsSpan(tail.Written);
    }

    public override void Advance(int bytes)
    {
        if (bytes == 0)
            return;
        if (_tail is not { } tail || (uint)bytes > (uint)(tail.Array.Length - tail.Written))
            throw new ArgumentOutOfRangeException(nameof(bytes), "More bytes were written than there was room for.");
        tail.Written += bytes;
        _uncommitted += bytes;
    }

    /// <summary>Lets what was written so far be sent, by the next flush or kick; how much waits by now.</summary>
    public long Commit()
    {
        HasCommitted = true;
        lock (_gate)
        {
            CommitLocked();
            return _pending;
        }
    }

    /// <summary>
    /// Sends what is committed; by any thread, even while the writer writes. A writer that is <paramref name="idle"/>, with no memory in its
    /// hands and nothing uncommitted, leaves its buffer to be given back.
    /// </summary>
    public void Kick(bool idle)
    {
        HasCommitted = false;
        lock (_gate)
        {
            if (idle)
                _held = false;
            if (!BeginSend())
                return;
        }
        Send();
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        Push();
        lock (_gate)
        {
            if (TryFlushed(direct: false, out FlushResult result))
                return new(result);
        }
        return WaitForRoom(direct: false, cancellationToken);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        if (source.Length >= MinDirect)
            return SendDirectAsync(source, cancellationToken);
        this.Write(source.Span);
        return FlushAsync(cancellationToken);
    }

    public override void CancelPendingFlush()
    {
        lock (_gate)
        {
            _cancelRequested = true;
            if (!_waiting)
                return;
            _waiting = false;
        }
        _core.SetResult(default);
    }

    public override void Complete(Exception? exception = null)
    {
        if (_completed)
            return;
        _completed = true;
        if (exception is not null)
        {
            // What was to follow is lost, and the peer must not take this for the end.
            Fail(abort: true);
            return;
        }
        lock (_gate)
        {
            _held = false;
            CommitLocked();
            _last = true;
            if (!BeginSend())
                return;
        }
        Send();
    }

    /// <summary>Completes once all is sent after <see cref="Complete"/>, or nothing will be.</summary>
    public Task FinishAsync()
    {
        lock (_gate)
        {
            if (_over)
                return Task.CompletedTask;
            _finished ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _finished.Task;
        }
    }

    /// <summary>Nothing is sent from here on, because the socket is another's; false where something was still to be.</summary>
    public bool TryStop()
    {
        lock (_gate)
        {
            bool idle = !_over && !_sending && _pending == 0 && _uncommitted == 0;
            _over = true;
            return idle;
        }
    }

    /// <summary>The loop: there may be room.</summary>
    public void OnRoom()
    {
        bool send, wake = false;
        lock (_gate)
        {
            if (!_blocked)
                return;
            _blocked = false;
            send = BeginSend();
            if (!send)
            {
                WatchRoom(false);
                wake = _waiting; // who sends out of its own memory
                _waiting = false;
            }
        }
        if (send)
            Send();
        else if (wake)
            _core.SetResult(default);
    }

    /// <summary>The peer is gone, or the connection given up: what waits goes nowhere. A writer's flush comes back completed, as a pipe's does.</summary>
    public void Fail(bool abort = false)
    {
        bool wake;
        lock (_gate)
        {
            if (_over)
                return;
            _over = true;
            wake = _waiting;
            _waiting = false;
            if (!_sending)
                Drop();
            _finished?.TrySetResult();
        }
        connection.HalfDone();
        if (wake)
            _core.SetResult(default);
        if (abort)
            connection.Abort();
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token)
    {
        _cancellation.Dispose();
        _cancellation = default;
        _core.GetResult(token);
        lock (_gate)
        {
            bool cancelled = _cancelRequested;
            _cancelRequested = false;
            return new FlushResult(cancelled, _over);
        }
    }

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    /// <summary>Commits what was written, and sends what the kernel takes.</summary>
    private void Push()
    {
        HasCommitted = false;
        lock (_gate)
        {
            _held = false;
            CommitLocked();
            if (!BeginSend())
                return;
        }
        Send();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<FlushResult> SendDirectAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken)
    {
        FlushResult result;
        try
        {
            result = await FlushAsync(cancellationToken).ConfigureAwait(false);
            while (!result.IsCompleted && !result.IsCanceled && TrySendDirect(ref source) && !source.IsEmpty)
                result = await WaitForRoom(direct: true, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // A piece is sent whole or not at all, and its writer has the memory back from here on.
            this.Write(source.Span);
            Push();
            throw;
        }
        if (source.IsEmpty || result.IsCompleted)
        {
            // The send itself may have found that the peer is gone.
            lock (_gate)
                return new FlushResult(result.IsCanceled, _over);
        }
        this.Write(source.Span);
        if (!result.IsCanceled)
            return await FlushAsync(cancellationToken).ConfigureAwait(false);
        Push();
        return result;
    }

    /// <summary>
    /// Sends the caller's memory until the kernel takes no more, on the caller's thread alone; <paramref name="source"/> becomes what is left.
    /// False where other bytes wait to be sent before.
    /// </summary>
    private bool TrySendDirect(ref ReadOnlyMemory<byte> source)
    {
        lock (_gate)
        {
            if (_over)
            {
                source = default;
                return true;
            }
            if (_pending > 0 || _sending || _blocked)
                return false;
            _sending = true;
        }
        Errno errno = default;
        int sent = 0;
        while (sent >= 0 && !source.IsEmpty)
        {
            sent = TrySend(source.Span, out errno);
            source = source[Math.Max(sent, 0)..];
        }
        lock (_gate)
        {
            _sending = false;
            if (_over)
            {
                Drop();
                source = default;
                return true;
            }
            _blocked = sent < 0 && errno == Errno.EAGAIN;
            WatchRoom(_blocked);
            if (sent >= 0 || _blocked)
                return true;
        }
        Fail();
        return true;
    }

    private int TrySend(ReadOnlySpan<byte> bytes, out Errno errno)
    {
        try
        {
            return Sys.TrySend(socket, bytes, out errno);
        }
        catch (ObjectDisposedException)
        {
            errno = Errno.EBADF;
            return -1;
        }
    }

    /// <summary>Waits until less is pending or, <paramref name="direct"/>, until the kernel takes more.</summary>
    private ValueTask<FlushResult> WaitForRoom(bool direct, CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation = cancellationToken.UnsafeRegister(
                static (state, token) => ((SocketSender)state!).Cancel(new OperationCanceledException(token)), this);
        }
        FlushResult result;
        lock (_gate)
        {
            if (!TryFlushed(direct, out result) && !cancellationToken.IsCancellationRequested)
            {
                _core.Reset();
                _waiting = true;
                return new(this, _core.Version);
            }
        }
        _cancellation.Dispose();
        _cancellation = default;
        return cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<FlushResult>(cancellationToken) : new(result);
    }

    private bool TryFlushed(bool direct, out FlushResult result)
    {
        bool cancelled = _cancelRequested;
        result = new FlushResult(cancelled, _over);
        if (!cancelled && !_over && (direct ? _blocked : _pending >= Pause))
            return false;
        _cancelRequested = false;
        return true;
    }

    private void Cancel(Exception reason)
    {
        lock (_gate)
        {
            if (!_waiting)
                return;
            _waiting = false;
        }
        _core.SetException(reason);
    }

    private Segment Room(int sizeHint)
    {
        if (_completed)
            throw new InvalidOperationException("Writing is not allowed after the writer was completed.");
        if (!_held)
        {
            lock (_gate)
                _held = true;
        }
        int wanted = Math.Max(sizeHint, 1);
        if (_tail is { } tail && tail.Array.Length - tail.Written >= wanted)
            return tail;
        lock (_gate)
        {
            // Much in one go is worth larger buffers.
            int usual = _tail is { } full ? Math.Clamp(full.Array.Length * 2, MinSegment, MaxSegment) : MinSegment;
            Segment next = _spare ?? new Segment();
            _spare = null;
            next.Rent(Math.Max(wanted, usual));
            if (_tail is null)
                _head = next;
            else
                _tail.Next = next;
            return _tail = next;
        }
    }

    private void CommitLocked()
    {
        if (_uncommitted == 0)
            return;
        for (Segment? segment = _head; segment is not null; segment = segment.Next)
            segment.Committed = segment.Written;
        _pending += _uncommitted;
        _uncommitted = 0;
    }

    /// <summary>Whether the caller is to call <see cref="Send"/>.</summary>
    private bool BeginSend()
    {
        if (_over)
        {
            if (!_sending)
                Drop();
            return false;
        }
        if (_sending || _blocked || (_pending == 0 && !_last))
            return false;
        return _sending = true;
    }

    /// <summary>Sends until nothing is left or the kernel takes no more.</summary>
    private void Send()
    {
        int sent = 0;
        while (true)
        {
            ReadOnlyMemory<byte> bytes;
            bool wake = false, done = false;
            lock (_gate)
            {
                if (sent > 0)
                {
                    _head!.Sent += sent;
                    _pending -= sent;
                }
                bytes = _over ? default : NextBytes();
                if (bytes.IsEmpty)
                {
                    _sending = false;
                    if (_over)
                        Drop();
                    else if (_last)
                        done = _over = true;
                    WatchRoom(false);
                }
                if (_waiting && (_over || _pending < Resume))
                {
                    _waiting = false;
                    wake = true;
                }
            }
            if (done)
                EndHalf();
            if (wake)
                _core.SetResult(default);
            if (bytes.IsEmpty)
                return;

            sent = TrySend(bytes.Span, out Errno errno);
            if (sent >= 0)
                continue;
            lock (_gate)
            {
                _sending = false;
                if (_over)
                {
                    Drop();
                    return;
                }
                if (errno == Errno.EAGAIN)
                {
                    _blocked = true;
                    WatchRoom(true);
                    return;
                }
            }
            Fail();
            return;
        }
    }

    /// <summary>Where there is room by now, turning it on makes the loop tell.</summary>
    private void WatchRoom(bool on)
    {
        if (!on && !_watching)
            return;
        _watching = on;
        if (!_over)
            connection.WatchRoom(on); // under the gate: who turns it off must not overtake who turns it on
    }

    /// <summary>All is sent, and nothing follows: the peer reads the end.</summary>
    private void EndHalf()
    {
        try
        {
            connection.EndSending();
        }
        catch (ObjectDisposedException)
        {
            // Closed meanwhile, which tells the peer as well.
        }
        lock (_gate)
            _finished?.TrySetResult();
        connection.HalfDone();
    }

    private ReadOnlyMemory<byte> NextBytes()
    {
        while (_head is { } head)
        {
            if (head.Sent < head.Committed)
                return head.Array.AsMemory(head.Sent, head.Committed - head.Sent);
            if (head.Sent < head.Written || (head == _tail && _held))
                break;
            _head = head.Next;
            if (_head is null)
                _tail = null;
            Release(head);
        }
        return default;
    }

    private void Drop()
    {
        // The writer may be within the tail; it goes when the writer's next flush finds that all is over.
        while (_head is { } head && !(head == _tail && _held))
        {
            _head = head.Next;
            if (_head is null)
                _tail = null;
            Release(head);
        }
        _pending = 0;
    }

    private void Release(Segment segment)
    {
        segment.Return();
        _spare ??= segment;
    }

    private sealed class Segment
    {
        public byte[] Array { get; private set; } = [];

        public Segment? Next { get; set; }

        public int Sent { get; set; }

        public int Committed { get; set; }

        public int Written { get; set; }

        public void Rent(int size) => Array = ArrayPool<byte>.Shared.Rent(size);

        public void Return()
        {
            if (Array.Length > 0)
                ArrayPool<byte>.Shared.Return(Array);
            Array = [];
            Next = null;
            Sent = Committed = Written = 0;
        }
    }
}
