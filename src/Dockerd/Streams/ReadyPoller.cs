using System.Collections.Concurrent;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Streams;

/// <summary>Waits for FIFOs without holding a thread for each: one epoll and one thread for all of them.</summary>
internal sealed class ReadyPoller
{
    private static readonly Lazy<ReadyPoller> s_shared = new(() => new ReadyPoller());

    private readonly SafeFileHandle _epoll = Sys.EpollCreate();
    private readonly ConcurrentDictionary<long, PolledFile> _files = new();
    private long _nextId;

    private ReadyPoller()
    {
        Thread thread = new(Run) { IsBackground = true, Name = "fifo poller" };
        thread.Start();
    }

    /// <summary>The one poller of the process.</summary>
    public static ReadyPoller Shared => s_shared.Value;

    /// <summary>Takes a non-blocking file; disposing the result closes it.</summary>
    public PolledFile Add(SafeFileHandle file)
    {
        PolledFile polled = new(this, file, Interlocked.Increment(ref _nextId));
        _files[polled.Id] = polled;
        Sys.EpollAdd(_epoll, file, EpollEvents.OneShot, polled.Id);
        return polled;
    }

    internal void Arm(PolledFile file, EpollEvents events) => Sys.EpollModify(_epoll, file.Handle, events | EpollEvents.OneShot, file.Id);

    internal void Remove(PolledFile file)
    {
        _files.TryRemove(file.Id, out _);
        Sys.EpollRemove(_epoll, file.Handle);
    }

    private void Run()
    {
        EpollEvent[] events = new EpollEvent[64];
        while (true)
        {
            int count = Sys.EpollWait(_epoll, events, -1);
            for (int i = 0; i < count; i++)
            {
                if (_files.TryGetValue(events[i].Data, out PolledFile? file))
                    file.Ready();
            }
        }
    }
}

/// <summary>A non-blocking file and whoever waits for it. One waiter at a time.</summary>
internal sealed class PolledFile : IDisposable
{
    private readonly ReadyPoller _poller;
    private readonly Lock _lock = new();
    private TaskCompletionSource<bool>? _waiter;
    private bool _disposed;

    internal PolledFile(ReadyPoller poller, SafeFileHandle handle, long id)
    {
        _poller = poller;
        Handle = handle;
        Id = id;
    }

    internal long Id { get; }

    internal SafeFileHandle Handle { get; }

    /// <summary>Reads what is there, waiting for the first byte; 0 once every writer has gone, or this was disposed.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer)
    {
        // A FIFO without a writer so far reads as ended; only poll(2) tells "not yet" from "no longer". So poll first.
        while (await WaitAsync(EpollEvents.In).ConfigureAwait(false))
        {
            int count = TryRead(buffer.Span, out Errno errno);
            if (count >= 0)
                return count;
            if (errno != Errno.EAGAIN)
                return 0;
        }
        return 0;
    }

    /// <summary>Writes all of it; false where the other side is gone or this was disposed.</summary>
    public async ValueTask<bool> WriteAsync(ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            int count = TryWrite(data.Span, out Errno errno);
            if (count >= 0)
                data = data[count..];
            else if (errno != Errno.EAGAIN || !await WaitAsync(EpollEvents.Out).ConfigureAwait(false))
                return false;
        }
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        TaskCompletionSource<bool>? waiter;
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            waiter = _waiter;
            _waiter = null;
            _poller.Remove(this);
            Handle.Dispose();
        }
        waiter?.TrySetResult(false);
    }

    internal void Ready()
    {
        TaskCompletionSource<bool>? waiter;
        lock (_lock)
        {
            waiter = _waiter;
            _waiter = null;
        }
        waiter?.TrySetResult(true);
    }

    private int TryRead(Span<byte> buffer, out Errno errno)
    {
        lock (_lock)
        {
            errno = Errno.EBADF;
            return _disposed ? -1 : Sys.TryRead(Handle, buffer, out errno);
        }
    }

    private int TryWrite(ReadOnlySpan<byte> data, out Errno errno)
    {
        lock (_lock)
        {
            errno = Errno.EBADF;
            return _disposed ? -1 : Sys.TryWrite(Handle, data, out errno);
        }
    }

    private Task<bool> WaitAsync(EpollEvents events)
    {
        TaskCompletionSource<bool> waiter = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_disposed)
                return Task.FromResult(false);
            _waiter = waiter;
            _poller.Arm(this, events);
        }
        return waiter.Task;
    }
}
