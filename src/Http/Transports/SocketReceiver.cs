using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;
using AotRuntime.Linux;

namespace AotRuntime.Http;

/// <summary>
/// Reads a socket when asked to, and only then, so a reader that blocks its thread cannot starve the receiving. Where nothing has come it
/// waits for the loop to say that something has, and holds no buffer meanwhile; a cancelled wait leaves nothing behind. Only where much comes
/// in a row, another thread receives a little ahead, while the reader works on what it has; then the loop is not asked for what most often
/// is there, until a read has found nothing.
/// </summary>
/// <remarks>
/// Readiness is told once for each change (<c>man 7 epoll</c>, EPOLLET). <see cref="_readable"/> keeps it until a receive gives less than it
/// had room for: "the condition that the read/write I/O space is exhausted can also be detected by checking the amount of data read".
/// </remarks>
internal sealed class SocketReceiver(SafeHandle socket, SocketConnection connection) : PipeReader, IValueTaskSource<ReadResult>, IThreadPoolWorkItem
{
    private const int MinBuffer = 4 * 1024;
    private const int MaxBuffer = 64 * 1024;

    /// <summary>Much comes in a row: the buffers that were filled have grown to this.</summary>
    private const int MuchBuffer = MaxBuffer / 2;

    /// <summary>
    /// What is received at most beyond what the reader has in its hands, which is as much again at most. A thread is called to it when half of
    /// that is used up: not for each buffer.
    /// </summary>
    private const int MaxAhead = 512 * 1024;

    private readonly Lock _gate = new();
    private ManualResetValueTaskSourceCore<ReadResult> _core;
    private CancellationTokenRegistration _cancellation;

    // Guarded by _gate, except that the memory being received into belongs to who receives.
    private ReceiveSegment? _head;
    private ReceiveSegment? _tail;
    private ReceiveSegment? _spare;
    private ReceiveSegment? _receivingInto;
    private int _headIndex;
    private long _lent; // where what the reader has in its hands ends, counted as the segments' running index
    private bool _unexamined;
    private bool _end;
    private Exception? _failure;
    private bool _readable;
    private bool _unwatched;   // the loop does not tell of bytes: always taken for readable
    private bool _hangUp;      // the end is near: no more is told, so each read looks
    private bool _begun;       // the first read always waits for the loop, where a handler may block; it may have come from the thread pool
    private bool _waiting;
    private bool _receiving;
    private bool _aheadQueued; // a work item receives ahead, or is about to
    private bool _cancelRequested;
    private bool _completed;
    private int _nextBuffer = MinBuffer;

    public override bool TryRead(out ReadResult result)
    {
        lock (_gate)
            return TryTake(out result);
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.CanBeCanceled)
        {
            if (TryRead(out ReadResult here))
            {
                GoAhead();
                return new(here);
            }
            // Before the wait begins: were it to end first, nobody would dispose this.
            _cancellation = cancellationToken.UnsafeRegister(
                static (state, token) => ((SocketReceiver)state!).Cancel(new OperationCanceledException(token)), this);
        }
        ReadResult result;
        try
        {
            while (true)
            {
                Memory<byte> room;
                lock (_gate)
                {
                    if (_waiting)
                        throw new InvalidOperationException("A read is already pending.");
                    if (TryTake(out result))
                        break;
                    if (cancellationToken.IsCancellationRequested)
                        throw new OperationCanceledException(cancellationToken);
                    bool first = !_begun;
                    _begun = true;
                    if (first || !_readable || _receiving)
                    {
                        _core.Reset();
                        _waiting = true;
                        if (first && _readable)
                            connection.WatchBytes(true);
                        return new(this, _core.Version);
                    }
                    room = BeginReceive();
                }
                if (Receive(room, byReader: true, out _))
                    Wake();
            }
        }
        catch (OperationCanceledException)
        {
            StopListening();
            return ValueTask.FromCanceled<ReadResult>(cancellationToken);
        }
        catch
        {
            StopListening();
            throw;
        }
        StopListening();
        GoAhead();
        return new(result);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (consumed.GetObject() is not ReceiveSegment to)
            return;
        lock (_gate)
        {
            if (_completed)
                return;
            _unexamined = examined.GetObject() != _tail || examined.GetInteger() < _tail!.End;
            while (_head != to)
            {
                ReceiveSegment released = _head ?? throw new InvalidOperationException("The position is not within the buffer.");
                _head = released.NextSegment;
                Release(released);
            }
            _headIndex = consumed.GetInteger();
            // A buffer that begins with an empty segment would be one of no bytes to those who look at the first alone.
            if (_head != _tail && _headIndex == _head!.End)
            {
                ReceiveSegment used = _head;
                _head = used.NextSegment;
                _headIndex = 0;
                Release(used);
            }
            if (_head == _tail && _headIndex == _tail!.End && _tail != _receivingInto)
            {
                Release(_tail);
                Empty();
            }
        }
    }

    public override void CancelPendingRead()
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
        lock (_gate)
        {
            if (_completed)
                return;
            _completed = true;
            // A running receive frees the rest when it ends.
            if (_receivingInto is null)
                ReleaseAll();
        }
    }

    /// <summary>Nothing is received from here on, because the socket is another's; false where something was, and not read.</summary>
    public bool TryStop()
    {
        lock (_gate)
        {
            bool idle = _head is null && !_receiving && !_waiting && !_completed;
            _completed = true;
            return idle;
        }
    }

    /// <summary>The connection is being closed: whoever reads learns it.</summary>
    public void Close() => Fail(ClosedError());

    /// <summary>What Go's net package says of a connection that this side closed.</summary>
    public static IOException ClosedError() => new("use of closed network connection");

    /// <summary>The loop: there may be something to receive, or the peer has ended its half (<paramref name="hangUp"/>).</summary>
    public void OnReadable(bool hangUp)
    {
        bool told = true;
        while (true)
        {
            Memory<byte> room;
            lock (_gate)
            {
                _readable |= told;
                _hangUp |= hangUp;
                // Whoever receives looks again; whoever reads next, too.
                if (!_readable || _receiving || !(_waiting || HasLess(MaxAhead)))
                    return;
                room = BeginReceive();
            }
            bool wake = Receive(room, byReader: false, out bool came), much = IsMuch;
            // It may be long in the reader's code. Where much comes, this thread has more to receive meanwhile.
            if (wake && much)
                ThreadPool.UnsafeQueueUserWorkItem(static receiver => receiver.Wake(), this, preferLocal: false);
            else if (wake)
                Wake();
            if (came ? !much : _unwatched)
                return;
            told = false;
        }
    }

    /// <summary>Receives ahead, on the thread pool.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        bool wake = false, came = true;
        // Where the loop tells of bytes, it may have done so meanwhile, and left them to this.
        while (!wake && (came || !Volatile.Read(ref _unwatched)))
        {
            Memory<byte> room;
            lock (_gate)
            {
                if (_receiving || !_readable || !(_waiting || HasLess(MaxAhead)))
                    break;
                room = BeginReceive();
            }
            wake = Receive(room, byReader: false, out came);
        }
        lock (_gate)
            _aheadQueued = false;
        if (wake)
            Wake();
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        StopListening();
        _core.GetResult(token);
        ReadResult result;
        lock (_gate)
        {
            if (!TryTake(out result))
                throw new InvalidOperationException("A read was woken with nothing to tell.");
        }
        GoAhead();
        return result;
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    /// <summary>Much comes, more is there, and of what was received less than <paramref name="octets"/> waits for the reader's next read.</summary>
    private bool HasLess(int octets) =>
        _nextBuffer >= MuchBuffer && _readable && !_completed && !_end && _failure is null
        && (_head is null || _tail!.RunningIndex + _tail.End - Math.Max(_lent, _head.RunningIndex + _headIndex) < octets);

    /// <summary>Much comes, and there is a processor to receive it beside its reader.</summary>
    private bool IsMuch => _nextBuffer >= MuchBuffer && Environment.ProcessorCount > 1;

    private void GoAhead()
    {
        if (!IsMuch)
            return;
        lock (_gate)
        {
            if (_aheadQueued || _receiving || !HasLess(MaxAhead / 2))
                return;
            _aheadQueued = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void Wake()
    {
        if (_failure is { } failure && !_end)
            _core.SetException(failure);
        else
            _core.SetResult(default);
    }

    private void StopListening()
    {
        _cancellation.Dispose();
        _cancellation = default;
    }

    private bool TryTake(out ReadResult result)
    {
        if (_completed)
            throw new InvalidOperationException("Reading is not allowed after the reader was completed.");
        bool cancelled = _cancelRequested;
        if (!cancelled && !_unexamined && !_end)
        {
            if (_failure is { } failure)
                throw Again(failure);
            result = default;
            return false;
        }
        _cancelRequested = false;
        ReadOnlySequence<byte> buffer = _head is null ? default : new(_head, _headIndex, _tail!, _tail!.End);
        _lent = _head is null ? 0 : _tail!.RunningIndex + _tail.End;
        result = new ReadResult(buffer, cancelled, _end);
        return true;
    }

    /// <summary>Each read that fails throws an exception of its own.</summary>
    private static IOException Again(Exception failure) => failure switch
    {
        LinuxException e => new LinuxException(e.Call, e.Subject, e.Errno),
        CutOffException e => new CutOffException(e.Message),
        _ => ClosedError(),
    };

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

    /// <summary>Receives once, by who has called <see cref="BeginReceive"/>. True where the caller is to <see cref="Wake"/> the reader.</summary>
    private bool Receive(Memory<byte> room, bool byReader, out bool came)
    {
        int received;
        Errno errno;
        CutOffException? cutOff = null;
        try
        {
            received = Sys.TryReceive(socket, room.Span, out errno);
            if (received == 0 && (cutOff = connection.ExplainEnd()) is not null)
                (received, errno) = (-1, Errno.ECONNRESET);
        }
        catch (ObjectDisposedException)
        {
            (received, errno) = (-1, Errno.EBADF);
        }
        came = received >= 0 || errno != Errno.EAGAIN;
        bool wake, first;
        lock (_gate)
        {
            ReceiveSegment segment = _receivingInto!;
            _receivingInto = null;
            _receiving = false;
            first = _failure is null && !_end && (received == 0 || (came && received < 0));
            _end |= received == 0;
            if (came && received < 0)
                _failure ??= cutOff ?? (errno == Errno.EBADF ? ClosedError() : new LinuxException("read", "", errno));
            Append(segment, Math.Max(received, 0));
            // A filled buffer says that more is on its way, worth a larger one.
            bool filled = received == room.Length;
            _readable |= filled || (_hangUp && received > 0);
            _nextBuffer = filled ? Math.Min(_nextBuffer * 2, MaxBuffer) : Math.Max(_nextBuffer / 2, _unwatched ? MuchBuffer : MinBuffer);
            if (filled && room.Length >= MaxBuffer)
                Watch(false);
            else if (!came && (byReader || _waiting))
                Watch(true);
            wake = _waiting && came;
            if (wake)
                _waiting = false;
            if (_completed)
                ReleaseAll();
        }
        if (first)
            connection.HalfDone();
        return wake;
    }

    /// <summary>Whether the loop is to tell of bytes. What has come by now it tells at once.</summary>
    private void Watch(bool on)
    {
        if (on != _unwatched)
            return;
        _unwatched = !on;
        _readable = !on;
        if (_failure is null)
            connection.WatchBytes(on); // under the gate: who turns it off must not overtake who turns it on
    }

    private void Fail(Exception failure)
    {
        bool wake, first;
        lock (_gate)
        {
            first = _failure is null && !_end;
            _failure ??= failure;
            wake = _waiting;
            _waiting = false;
        }
        if (first)
            connection.HalfDone();
        if (wake)
            _core.SetException(failure);
    }

    private Memory<byte> BeginReceive()
    {
        _receiving = true;
        // What becomes ready from here on is told, and then this is set again.
        _readable = _unwatched;
        // Filling up the last segment bounds the memory of a peer that sends byte by byte.
        if (_tail is { Free.Length: > 0 })
        {
            _receivingInto = _tail;
        }
        else
        {
            _receivingInto = _spare ?? new ReceiveSegment();
            _spare = null;
            _receivingInto.Rent(_nextBuffer);
        }
        return _receivingInto.Free;
    }

    private void Append(ReceiveSegment segment, int received)
    {
        segment.Extend(received);
        if (received > 0)
            _unexamined = true;
        if (segment == _tail)
        {
            if (_head == segment && _headIndex == segment.End)
            {
                Empty();
                Release(segment);
            }
            return;
        }
        if (received == 0)
        {
            Release(segment);
            return;
        }
        if (_tail is null)
        {
            _head = segment;
            _headIndex = 0;
            segment.Begin(0);
        }
        else
        {
            _tail.Append(segment);
        }
        _tail = segment;
    }

    private void Empty()
    {
        _head = _tail = null;
        _headIndex = 0;
        _lent = 0;
    }

    private void Release(ReceiveSegment segment)
    {
        segment.Return();
        _spare ??= segment;
    }

    private void ReleaseAll()
    {
        while (_head is { } segment)
        {
            _head = segment.NextSegment;
            segment.Return();
        }
        _tail = _spare = null;
    }
}

/// <summary>A stretch of received bytes in a rented array.</summary>
internal sealed class ReceiveSegment : ReadOnlySequenceSegment<byte>
{
    private byte[] _array = [];

    /// <summary>How many bytes of the array are filled.</summary>
    public int End { get; private set; }

    public ReceiveSegment? NextSegment => (ReceiveSegment?)Next;

    /// <summary>What is left of the array.</summary>
    public Memory<byte> Free => _array.AsMemory(End);

    public void Rent(int size) => _array = ArrayPool<byte>.Shared.Rent(size);

    /// <summary>Takes in bytes that were received into <see cref="Free"/>.</summary>
    public void Extend(int count)
    {
        End += count;
        Memory = _array.AsMemory(0, End);
    }

    public void Begin(long runningIndex) => RunningIndex = runningIndex;

    public void Append(ReceiveSegment next)
    {
        next.RunningIndex = RunningIndex + End;
        Next = next;
    }

    /// <summary>Gives the array back and forgets the neighbours, for use again.</summary>
    public void Return()
    {
        if (_array.Length > 0)
            ArrayPool<byte>.Shared.Return(_array);
        _array = [];
        Memory = default;
        Next = null;
        RunningIndex = 0;
        End = 0;
    }
}
