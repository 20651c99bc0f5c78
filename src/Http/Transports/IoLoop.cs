using System.Diagnostics;
using System.Runtime.InteropServices;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Http;

/// <summary>What a loop tells of a descriptor. Called on the loop's thread.</summary>
internal interface IIoWatcher
{
    /// <summary>It became ready; told once for each change (EPOLLET).</summary>
    void OnReady(EpollEvents events);
}

/// <summary>
/// Waits for sockets and calls whoever waits for them, on the thread that waited: from a request's bytes to its answer no thread is woken.
/// What a call leaves to be done after it (<see cref="Post"/>) comes before the next event.
/// </summary>
/// <remarks>
/// A call may run a handler, and a handler may block. So the loop's thread is only its leader: <see cref="IoWatch"/> looks once a millisecond
/// whether the leader is still in the call that it was in, and then makes another thread the leader, which goes on with the next event. The
/// former leader leaves when its call returns. An event is taken by one thread, but calls for one watcher may overlap: a watcher has a lock.
/// </remarks>
internal sealed class IoLoop
{
    /// <summary>Connections of one loop before another loop is begun, up to one a processor.</summary>
    private const int Fill = 16;

    private const int MaxLoops = 4;

    private const int Batch = 64;

    /// <summary>How long a thread without work waits to be the leader again.</summary>
    private static readonly TimeSpan s_standBy = TimeSpan.FromSeconds(10);

    /// <summary>How long is looked for events before sleeping.</summary>
    private static readonly TimeSpan s_moment = TimeSpan.FromMicroseconds(50);

    /// <summary>So many short waits in a row are worth a look; twice as many after each look in vain, up to this power.</summary>
    private const int ShortWaits = 4, MaxMissed = 6;

    [ThreadStatic]
    private static IoLoop? t_loop;

    [ThreadStatic]
    private static int t_term;

    private static readonly IoLoop?[] s_loops = new IoLoop?[Math.Clamp(Environment.ProcessorCount, 1, MaxLoops)];
    private static int s_given;

    private readonly SafeFileHandle _epoll = Sys.EpollCreate();
    private readonly EpollEvent[] _events = new EpollEvent[Batch]; // the leader's, but for the one being taken
    private readonly SemaphoreSlim _call = new(0);

    // The leader's.
    private int _shortWaits; // in a row
    private int _missed;     // looks in vain in a row

    // Guards what follows.
    private readonly Lock _gate = new();
    private (IIoWatcher? Watcher, int Generation)[] _slots = new (IIoWatcher?, int)[16];
    private readonly Stack<int> _freeSlots = new();
    private int _usedSlots;
    private readonly Queue<IThreadPoolWorkItem> _posted = new();
    private int _next;
    private int _count;
    private int _term;       // grows with each change of the leader
    private int _standing;   // threads that wait to lead
    private bool _busy;      // the leader is in a call
    private long _step;      // counts calls
    private long _seenStep;  // what the watch saw last

    private IoLoop() => StartThread();

    /// <summary>The loop for the next connection.</summary>
    public static IoLoop Next()
    {
        int index = (int)((uint)(Interlocked.Increment(ref s_given) - 1) / Fill % (uint)s_loops.Length);
        if (Volatile.Read(ref s_loops[index]) is { } loop)
            return loop;
        lock (s_loops)
            return s_loops[index] ??= new IoLoop();
    }

    /// <summary>
    /// Has something done soon: on a loop's thread when the call under way has returned, together with what else was posted; from any other
    /// thread, on the thread pool.
    /// </summary>
    public static void Post(IThreadPoolWorkItem item)
    {
        if (t_loop is { } loop)
        {
            lock (loop._gate)
            {
                // Whoever leads no more must not leave it to a leader that may be waiting.
                if (loop._term == t_term)
                {
                    loop._posted.Enqueue(item);
                    return;
                }
            }
        }
        ThreadPool.UnsafeQueueUserWorkItem(item, preferLocal: false);
    }

    /// <summary>Begins to watch for bytes and for the peer's end; gives the key for the other methods.</summary>
    public long Add(SafeHandle file, IIoWatcher watcher)
    {
        long key;
        lock (_gate)
        {
            int slot = _freeSlots.TryPop(out int free) ? free : _usedSlots++;
            if (slot == _slots.Length)
                Array.Resize(ref _slots, slot * 2);
            _slots[slot].Watcher = watcher;
            key = ((long)_slots[slot].Generation << 32) | (uint)slot;
        }
        Sys.EpollAdd(_epoll, file, EpollEvents.In | EpollEvents.ReadHangUp | EpollEvents.EdgeTriggered, key);
        return key;
    }

    /// <summary>
    /// Whether to watch for bytes, and for room to send; for the latter not all the time: a unix socket tells it for each message that the peer
    /// has read. What is ready already is told at once. The peer's end is told in any case.
    /// </summary>
    public void Watch(SafeHandle file, long key, EpollEvents events) =>
        Sys.EpollModify(_epoll, file, events | EpollEvents.ReadHangUp | EpollEvents.EdgeTriggered, key);

    /// <summary>Watches no more; a call may still be under way.</summary>
    public void Remove(SafeHandle file, long key)
    {
        Sys.EpollRemove(_epoll, file);
        lock (_gate)
        {
            int slot = (int)key;
            _slots[slot] = (null, _slots[slot].Generation + 1);
            _freeSlots.Push(slot);
        }
    }

    /// <summary>Called each millisecond while there is work: makes another thread the leader where this one is held up. Whether there was work.</summary>
    public static bool CheckAll()
    {
        bool active = false;
        foreach (IoLoop? loop in s_loops)
            active |= loop is not null && loop.Check();
        return active;
    }

    private bool Check()
    {
        lock (_gate)
        {
            bool moved = _step != _seenStep;
            _seenStep = _step;
            if (moved || !_busy)
                return moved;
            _term++;
            _busy = false;
            if (_standing > 0)
            {
                _standing--;
                _call.Release();
                return true;
            }
        }
        StartThread();
        return true;
    }

    private void StartThread() => new Thread(static loop => ((IoLoop)loop!).Run()) { IsBackground = true, Name = "io" }.UnsafeStart(this);

    private void Run()
    {
        t_loop = this;
        do
        {
            lock (_gate)
                t_term = _term;
            Lead(t_term);
        }
        while (StandBy());
    }

    /// <summary>Does what is posted, takes events, and waits for more, until another thread leads.</summary>
    private void Lead(int term)
    {
        while (true)
        {
            while (TryTake(term, out IThreadPoolWorkItem? posted, out IIoWatcher? watcher, out EpollEvents events))
            {
                IoWatch.Wake();
                if (posted is not null)
                    posted.Execute();
                else
                    watcher!.OnReady(events);
            }
            if (_term != term)
                return;
            // Only a busy leader is replaced: until the wait has ended, this thread is it.
            int count = Wait();
            lock (_gate)
                (_next, _count) = (0, count);
        }
    }

    /// <summary>
    /// Waits for events. Where waits were short of late, it looks for a moment first: to wake a processor that has gone to sleep takes longer
    /// than many a request. Whoever else wants the processor has it meanwhile.
    /// </summary>
    private int Wait()
    {
        if (_shortWaits >= ShortWaits << _missed)
        {
            long begun = Stopwatch.GetTimestamp();
            do
            {
                int ready = Sys.EpollWait(_epoll, _events, 0);
                if (ready > 0)
                {
                    _missed = 0;
                    return ready;
                }
                Thread.Yield();
            }
            while (Stopwatch.GetElapsedTime(begun) < s_moment);
            _shortWaits = 0;
            _missed = Math.Min(_missed + 1, MaxMissed);
        }
        long before = Stopwatch.GetTimestamp();
        int count = Sys.EpollWait(_epoll, _events, -1);
        _shortWaits = Stopwatch.GetElapsedTime(before) < 2 * s_moment ? _shortWaits + 1 : 0;
        return count;
    }

    /// <summary>The next call to make; false where there is none, or not for this thread any more.</summary>
    private bool TryTake(int term, out IThreadPoolWorkItem? posted, out IIoWatcher? watcher, out EpollEvents events)
    {
        watcher = null;
        events = default;
        lock (_gate)
        {
            posted = null;
            if (_term != term)
                return false;
            _busy = false;
            if (!_posted.TryDequeue(out posted))
            {
                while (watcher is null)
                {
                    if (_next == _count)
                        return false;
                    ref EpollEvent e = ref _events[_next++];
                    ref (IIoWatcher? Watcher, int Generation) slot = ref _slots[(int)e.Data];
                    if (slot.Generation == (int)(e.Data >> 32)) // else closed since, and its slot perhaps another's
                        (watcher, events) = (slot.Watcher, e.Events);
                }
            }
            _busy = true;
            _step++;
            return true;
        }
    }

    private bool StandBy()
    {
        lock (_gate)
            _standing++;
        if (_call.Wait(s_standBy))
            return true;
        lock (_gate)
        {
            if (_standing > 0)
            {
                _standing--;
                return false;
            }
        }
        _call.Wait(); // called at this moment
        return true;
    }
}

/// <summary>The thread that looks after the loops' leaders. It sleeps while there is nothing to look after.</summary>
internal static class IoWatch
{
    /// <summary>Ticks without work after which it sleeps.</summary>
    private const int Patience = 10;

    private static readonly SemaphoreSlim s_wake = new(0);
    private static int s_awake;
    private static bool s_started;

    /// <summary>There is work from now on.</summary>
    public static void Wake()
    {
        if (Volatile.Read(ref s_awake) == 0 && Interlocked.Exchange(ref s_awake, 1) == 0)
            Begin();
    }

    private static void Begin()
    {
        lock (s_wake)
        {
            if (s_started)
            {
                s_wake.Release();
                return;
            }
            s_started = true;
        }
        new Thread(Run, maxStackSize: 256 * 1024) { IsBackground = true, Name = "io-watch" }.UnsafeStart();
    }

    private static void Run()
    {
        int idle = 0;
        while (true)
        {
            Thread.Sleep(1);
            if (IoLoop.CheckAll())
            {
                idle = 0;
                continue;
            }
            if (++idle < Patience)
                continue;
            idle = 0;
            Interlocked.Exchange(ref s_awake, 0);
            // A leader that began a call just before it saw the flag fall: it goes on being looked after.
            if (IoLoop.CheckAll() && Interlocked.Exchange(ref s_awake, 1) == 0)
                continue;
            s_wake.Wait();
        }
    }
}
