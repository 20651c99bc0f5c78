using AotRuntime.Linux;

namespace AotRuntime.Shim.Processes;

/// <summary>How and when a process ended.</summary>
internal readonly record struct ProcessExit(int Pid, int Status, DateTimeOffset At);

/// <summary>
/// The only place that reaps. The shim is a child subreaper, so the container's processes become its children when the runtime
/// that started them has gone; their exits are kept until somebody asks, so that no exit is too fast to be seen.
/// </summary>
/// <remarks>
/// One thread waits for any child. It first peeks (WNOWAIT), then takes the lock, then reaps: while a pid may be asked for
/// under the lock it is still a zombie, and so can't have been given to another process.
/// </remarks>
internal sealed class Reaper
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _children = new(0);
    private readonly Dictionary<int, TaskCompletionSource<ProcessExit>> _waiting = [];
    private readonly List<Scope> _scopes = [];

    /// <summary>Starts the thread.</summary>
    public Reaper() => new Thread(Run, 256 * 1024) { IsBackground = true, Name = "reaper" }.Start();

    /// <summary>Starts a child, and gives the promise of its exit.</summary>
    public Task<ProcessExit> Spawn(SpawnPlan plan) => Spawn(plan, out _);

    /// <inheritdoc cref="Spawn(SpawnPlan)"/>
    public Task<ProcessExit> Spawn(SpawnPlan plan, out int pid)
    {
        Task<ProcessExit> exit;
        lock (_lock)
        {
            using SpawnedProcess child = ProcessSpawn.Start(plan);
            pid = child.Pid;
            exit = Expect(pid);
        }
        _children.Release();
        return exit;
    }

    /// <summary>Until it is disposed, keeps the exits of processes that nobody asked for yet.</summary>
    public Scope Watch()
    {
        var scope = new Scope(this);
        lock (_lock)
            _scopes.Add(scope);
        return scope;
    }

    /// <summary>Sends a signal to a process that is known not to have been reaped.</summary>
    /// <returns>False where it ended already.</returns>
    /// <exception cref="LinuxException">EINVAL: no such signal.</exception>
    public bool Kill(int pid, int signal)
    {
        lock (_lock)
        {
            if (!_waiting.ContainsKey(pid))
                return false;
            try
            {
                Sys.Kill(pid, signal);
                return true;
            }
            catch (LinuxException e) when (e.Errno == Errno.ESRCH)
            {
                return false;
            }
        }
    }

    // Called with the lock held.
    private Task<ProcessExit> Expect(int pid)
    {
        var source = new TaskCompletionSource<ProcessExit>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[pid] = source;
        return source.Task;
    }

    private void Run()
    {
        while (true)
        {
            // No child: the next one comes from Spawn, which says so. A release that was already served makes one idle turn.
            if (Sys.WaitAnyPeek() is not { } ended)
            {
                _children.Wait();
                continue;
            }
            lock (_lock)
            {
                if (Sys.WaitPid(ended.Pid, block: false) is not { } reaped)
                    continue;
                var exit = new ProcessExit(reaped.Pid, reaped.Code, DateTimeOffset.UtcNow);
                if (_waiting.Remove(reaped.Pid, out TaskCompletionSource<ProcessExit>? source))
                {
                    source.SetResult(exit);
                }
                else
                {
                    foreach (Scope scope in _scopes)
                        scope.Exits[exit.Pid] = exit;
                }
            }
        }
    }

    /// <summary>The exits that came while something was being started.</summary>
    internal sealed class Scope(Reaper reaper) : IDisposable
    {
        public Dictionary<int, ProcessExit> Exits { get; } = [];

        /// <summary>The promise of the exit of a process that appeared while this scope was open, also where it has ended already.</summary>
        public Task<ProcessExit> Claim(int pid)
        {
            lock (reaper._lock)
                return Exits.Remove(pid, out ProcessExit exit) ? Task.FromResult(exit) : reaper.Expect(pid);
        }

        public void Dispose()
        {
            lock (reaper._lock)
                reaper._scopes.Remove(this);
        }
    }
}
