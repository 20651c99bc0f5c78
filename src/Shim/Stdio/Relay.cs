using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim.Stdio;

/// <summary>
/// Moves bytes from one descriptor to another until the source ends. Between pipes the kernel moves them (splice) and they never
/// enter this process; a terminal or a regular file at one end goes through a small buffer.
/// </summary>
internal sealed class Relay
{
    private const int SpliceSize = 64 * 1024;
    private const int BufferSize = 8 * 1024;

    /// <summary>How many moves one descriptor gets before others have their turn.</summary>
    private const int Turns = 16;

    private readonly IoLoop _loop;
    private readonly SafeFileHandle _from;
    private readonly SafeFileHandle _to;
    private readonly Action? _onEnd;
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly long? _fromId;
    private readonly long? _toId;
    private byte[]? _buffer;
    private int _start;
    private int _end;
    private bool _ended;

    /// <summary>Starts to move. Both ends must be non-blocking, and belong to the relay from now on.</summary>
    /// <param name="loop">The thread that does it.</param>
    /// <param name="from">The source.</param>
    /// <param name="to">The destination.</param>
    /// <param name="splice">Whether one end is a pipe and the other can splice.</param>
    /// <param name="onEnd">Called once, after the last byte and before <see cref="Completed"/>, in place of closing the two ends.</param>
    public Relay(IoLoop loop, SafeFileHandle from, SafeFileHandle to, bool splice, Action? onEnd = null)
    {
        _loop = loop;
        _from = from;
        _to = to;
        _onEnd = onEnd;
        _buffer = splice ? null : new byte[BufferSize];
        // Held throughout: epoll tells of a hang-up unasked, so the loop may call Step, and end all, before the second end is added.
        lock (_lock)
        {
            _fromId = loop.Add(from, Step);
            _toId = loop.Add(to, Step);
            ArmSource();
        }
    }

    /// <summary>Done once all that the source had has been moved, or the destination is gone.</summary>
    public Task Completed => _completed.Task;

    /// <summary>Stops, whatever the source still has.</summary>
    public void Stop()
    {
        lock (_lock)
            End();
    }

    // Called with the lock held.
    private void ArmSource()
    {
        if (_fromId is { } id)
            _loop.Arm(_from, id, EpollEvents.In);
        else
            Move();
    }

    private void ArmDestination()
    {
        if (_toId is { } id)
            _loop.Arm(_to, id, EpollEvents.Out);
        else
            ArmSource();
    }

    private void Step()
    {
        lock (_lock)
        {
            if (!_ended)
                Move();
        }
    }

    private void Move()
    {
        for (int turn = 0; turn < Turns; turn++)
        {
            bool again = _buffer is null ? Splice() : Copy();
            if (!again)
                return;
        }
        // Still something to do: come back as soon as the others had their turn.
        if (_end > _start)
            ArmDestination();
        else
            ArmSource();
    }

    // Whether to go on at once.
    private bool Splice()
    {
        nint moved = Sys.TrySplice(_from, _to, SpliceSize, out Errno errno);
        if (moved > 0)
            return true;
        switch (errno)
        {
            case 0:
                End();
                return false;
            case Errno.EAGAIN:
                // One of the two was not ready; which one, splice does not say.
                if (Sys.Poll(_from, EpollEvents.In, 0) == EpollEvents.None)
                    ArmSource();
                else
                    ArmDestination();
                return false;
            case Errno.EINVAL:
                // The file system behind one end can't splice.
                _buffer = new byte[BufferSize];
                return true;
            default:
                End();
                return false;
        }
    }

    private bool Copy()
    {
        Errno errno;
        if (_start == _end)
        {
            _start = 0;
            int count = Sys.TryRead(_from, _buffer, out errno);
            _end = Math.Max(count, 0);
            if (count <= 0)
            {
                if (errno == Errno.EAGAIN)
                    ArmSource();
                else
                    // 0 is the end; EIO is a terminal's whose other side has closed.
                    End();
                return false;
            }
        }
        int written = Sys.TryWrite(_to, _buffer.AsSpan(_start, _end - _start), out errno);
        if (written >= 0)
        {
            _start += written;
            return true;
        }
        if (errno == Errno.EAGAIN)
            ArmDestination();
        else
            End();
        return false;
    }

    private void End()
    {
        if (_ended)
            return;
        _ended = true;
        if (_fromId is { } from)
            _loop.Remove(_from, from);
        if (_toId is { } to)
            _loop.Remove(_to, to);
        if (_onEnd is not null)
        {
            _onEnd();
        }
        else
        {
            _from.Dispose();
            _to.Dispose();
        }
        _completed.SetResult();
    }
}
