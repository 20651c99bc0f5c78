using System.Threading.Tasks.Sources;

namespace AotRuntime.Http.Http2;

/// <summary>
/// Wakes one waiter; a signal that comes while nobody waits is kept (once). Waiting allocates nothing. The waiter goes on soon
/// (<see cref="IoLoop.Post"/>), not within <see cref="Set"/>: by then there may be more to do at once.
/// </summary>
internal sealed class AsyncSignal : IValueTaskSource, IThreadPoolWorkItem
{
    private const int Idle = 0, Signalled = 1, Waiting = 2;

    private ManualResetValueTaskSourceCore<bool> _core;
    private int _state;

    public void Set()
    {
        if (Volatile.Read(ref _state) == Signalled)
            return;
        if (Interlocked.CompareExchange(ref _state, Signalled, Idle) == Waiting
            && Interlocked.CompareExchange(ref _state, Idle, Waiting) == Waiting)
        {
            IoLoop.Post(this);
        }
    }

    /// <summary>Waits for a signal; by one caller at a time.</summary>
    public ValueTask WaitAsync()
    {
        if (Interlocked.CompareExchange(ref _state, Idle, Signalled) == Signalled)
            return default;
        _core.Reset();
        short version = _core.Version;
        if (Interlocked.CompareExchange(ref _state, Waiting, Idle) == Idle)
            return new(this, version);
        Volatile.Write(ref _state, Idle); // signalled in between
        return default;
    }

    void IThreadPoolWorkItem.Execute() => _core.SetResult(true);

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
