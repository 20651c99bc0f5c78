using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;
using AotRuntime.Linux;

namespace AotRuntime.Http;

/// <summary>
/// Reads a socket when asked to, and only then, so a reader that blocks its thread cannot starve the receiving. While it waits for bytes it
/// holds no buffer: it first waits with an empty one until the socket is readable. A receive goes on when the read that began it is
/// cancelled; the next read joins it, so no byte is lost.
/// </summary>
internal sealed class SocketReceiver : PipeReader, IValueTaskSource<ReadResult>
{
    private const int MinBuffer = 4 * 1024;
    private const int MaxBuffer = 64 * 1024;

    private readonly Lock _gate = new();
    private readonly Socket _socket;
    private readonly Action _ended;
    private readonly ReceiveOperation _operation;
    private ManualResetValueTaskSourceCore<ReadResult> _core;
    private CancellationTokenRegistration _cancellation;

    // Guarded by _gate, except that the memory being received into belongs to the operation.
    private ReceiveSegment? _head;
    private ReceiveSegment? _tail;
    private ReceiveSegment? _spare;
    private ReceiveSegment? _receivingInto;
    private int _headIndex;
    private bool _unexamined;
    private bool _end;
    private Exception? _failure;
    private bool _waiting;
    private bool _receiving;
    private bool _cancelRequested;
    private bool _completed;
    private int _nextBuffer = MinBuffer;

    // Only the one who runs the operation touches this: the next step takes bytes rather than waits for them.
    private bool _readable;

    public SocketReceiver(Socket socket, Action ended)
    {
        _socket = socket;
        _ended = ended;
        _operation = new ReceiveOperation(this);
    }

    public override bool TryRead(out ReadResult result)
    {
        lock (_gate)
            return TryTake(out result);
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        bool begin;
        lock (_gate)
        {
            if (_waiting)
                throw new InvalidOperationException("A read is already pending.");
            if (TryTake(out ReadResult result))
                return new(result);
            if (cancellationToken.IsCancellationRequested)
                return ValueTask.FromCanceled<ReadResult>(cancellationToken);
            _core.Reset();
            _waiting = true;
            begin = !_receiving;
            _receiving = true;
        }
        short version = _core.Version;
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation = cancellationToken.UnsafeRegister(
                static (state, token) => ((SocketReceiver)state!).Cancel(new OperationCanceledException(token)), this);
        }
        if (begin)
            RunOperation();
        return new(this, version);
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
            if (_head == _tail && _headIndex == _tail!.End && _tail != _receivingInto)
            {
                Release(_tail);
                _head = _tail = null;
                _headIndex = 0;
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
            // A running operation frees the rest when it ends.
            if (_receivingInto is null)
                ReleaseAll();
        }
    }

    /// <summary>The connection is being closed: whoever reads learns it.</summary>
    public void Close()
    {
        Fail(ClosedError());
    }

    /// <summary>What Go's net package says of a connection that this side closed.</summary>
    public static IOException ClosedError() => new("use of closed network connection");

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        _cancellation.Dispose();
        _cancellation = default;
        _core.GetResult(token);
        lock (_gate)
        {
            if (TryTake(out ReadResult result))
                return result;
        }
        throw new InvalidOperationException("A read was woken with nothing to tell.");
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private bool TryTake(out ReadResult result)
    {
        if (_completed)
            throw new InvalidOperationException("Reading is not allowed after the reader was completed.");
        bool cancelled = _cancelRequested;
        if (!cancelled && !_unexamined && !_end)
        {
            if (_failure is { } failure)
                throw failure is LinuxException e ? new LinuxException(e.Call, e.Subject, e.Errno) : ClosedError();
            result = default;
            return false;
        }
        _cancelRequested = false;
        ReadOnlySequence<byte> buffer = _head is null ? default : new(_head, _headIndex, _tail!, _tail!.End);
        result = new ReadResult(buffer, cancelled, _end);
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

    /// <summary>Runs the operation's steps for as long as they complete at once.</summary>
    private void RunOperation()
    {
        do
        {
            try
            {
                if (_readable)
                    _operation.SetBuffer(TakeBuffer());
                else
                    _operation.SetBuffer(Memory<byte>.Empty);
                if (_socket.ReceiveAsync(_operation))
                    return;
            }
            catch (ObjectDisposedException)
            {
                Fail(ClosedError(), operationEnded: true);
                return;
            }
        }
        while (!EndStep());
    }

    /// <summary>Takes in what a step gave. True when the operation is over.</summary>
    private bool EndStep()
    {
        if (_operation.SocketError != SocketError.Success)
        {
            SocketError error = _operation.SocketError;
            Fail(error == SocketError.OperationAborted ? ClosedError() : new LinuxException("read", "", SocketErrors.ToErrno(error)), operationEnded: true);
            return true;
        }
        if (!_readable)
        {
            _readable = true;
            return false;
        }

        int received = _operation.BytesTransferred;
        bool wake, ended;
        lock (_gate)
        {
            ReceiveSegment segment = _receivingInto!;
            int room = segment.Free.Length;
            _receivingInto = null;
            _receiving = false;
            ended = received == 0 && !_end;
            if (received == 0)
                _end = true;
            Append(segment, received);
            // A filled buffer says that more is on its way: worth a larger one, and no wait before it.
            _readable = received == room && received > 0;
            _nextBuffer = _readable ? Math.Min(_nextBuffer * 2, MaxBuffer) : Math.Max(_nextBuffer / 2, MinBuffer);
            wake = _waiting;
            _waiting = false;
            if (_completed)
                ReleaseAll();
        }
        if (ended)
            _ended();
        if (wake)
            _core.SetResult(default);
        return true;
    }

    private void OnStepCompleted()
    {
        if (!EndStep())
            RunOperation();
    }

    private void Fail(Exception failure, bool operationEnded = false)
    {
        bool wake, first;
        lock (_gate)
        {
            first = _failure is null && !_end;
            _failure ??= failure;
            if (operationEnded)
            {
                if (_receivingInto is { } segment)
                {
                    _receivingInto = null;
                    Append(segment, 0);
                }
                _receiving = false;
                if (_completed)
                    ReleaseAll();
            }
            wake = _waiting;
            _waiting = false;
        }
        if (first)
            _ended();
        if (wake)
            _core.SetException(failure);
    }

    private Memory<byte> TakeBuffer()
    {
        lock (_gate)
        {
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
                _head = _tail = null;
                _headIndex = 0;
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

    private sealed class ReceiveOperation(SocketReceiver owner) : SocketAsyncEventArgs(true)
    {
        protected override void OnCompleted(SocketAsyncEventArgs e) => owner.OnStepCompleted();
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
