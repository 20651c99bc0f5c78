using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim.Stdio;

/// <summary>One thread that waits for all descriptors of all containers, so that a blocked reader or writer costs no thread of its own.</summary>
internal sealed class IoLoop
{
    private readonly SafeFileHandle _epoll = Sys.EpollCreate();
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Action> _handlers = [];
    private long _lastId;

    /// <summary>Starts the thread.</summary>
    public IoLoop() => new Thread(Run, 256 * 1024) { IsBackground = true, Name = "io" }.Start();

    /// <summary>Calls <paramref name="handler"/> on the loop's thread when <see cref="Arm"/>ed and ready; null for a file that is always ready.</summary>
    public long? Add(SafeFileHandle file, Action handler)
    {
        long id;
        lock (_lock)
        {
            id = ++_lastId;
            _handlers[id] = handler;
        }
        if (Sys.EpollAdd(_epoll, file, EpollEvents.OneShot, id))
            return id;
        lock (_lock)
            _handlers.Remove(id);
        return null;
    }

    /// <summary>Waits once for <paramref name="events"/>, errors and hang-ups.</summary>
    public void Arm(SafeFileHandle file, long id, EpollEvents events) => Sys.EpollModify(_epoll, file, events | EpollEvents.OneShot, id);

    /// <summary>Forgets a descriptor, before it is closed. A call that is under way on the loop's thread is not waited for.</summary>
    public void Remove(SafeFileHandle file, long id)
    {
        lock (_lock)
            _handlers.Remove(id);
        Sys.EpollRemove(_epoll, file);
    }

    private void Run()
    {
        Span<EpollEvent> events = stackalloc EpollEvent[16];
        while (true)
        {
            int count = Sys.EpollWait(_epoll, events, -1);
            for (int i = 0; i < count; i++)
            {
                Action? handler;
                lock (_lock)
                    _handlers.TryGetValue(events[i].Data, out handler);
                handler?.Invoke();
            }
        }
    }
}
