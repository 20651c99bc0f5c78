using System.Runtime.InteropServices;
using AotRuntime.Linux;

namespace AotRuntime.Containerd.Shims;

/// <summary>
/// Makes the daemon the parent of its shims: `start` leaves the serving shim behind as an orphan, which goes to the nearest subreaper
/// (<c>man 2 PR_SET_CHILD_SUBREAPER</c>), so that a process tree shows whose it is. In return the daemon reaps them. A shim does not
/// depend on it: when the daemon is gone, the next subreaper or init takes its place.
/// </summary>
internal sealed class AdoptedChildren : IDisposable
{
    /// <summary>How long to leave a child alone that somebody here waits for.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(50);
    private readonly PosixSignalRegistration _signal;
    private int _wanted;

    public AdoptedChildren()
    {
        Sys.Prctl(Sys.PR_SET_CHILD_SUBREAPER, 1);
        _signal = PosixSignalRegistration.Create(PosixSignal.SIGCHLD, _ => Reap());
    }

    public void Dispose() => _signal.Dispose();

    /// <summary>One round at a time; a signal that comes meanwhile asks for another one.</summary>
    private void Reap()
    {
        if (Interlocked.Increment(ref _wanted) == 1)
            _ = ReapAsync();
    }

    private async Task ReapAsync()
    {
        int seen;
        do
        {
            seen = Volatile.Read(ref _wanted);
            while (Sys.WaitAnyPeek(block: false) is { } child)
            {
                if (ProcessSpawn.IsOurs(child.Pid))
                    await Task.Delay(s_patience).ConfigureAwait(false);
                else
                    Sys.WaitPid(child.Pid, block: false);
            }
        }
        while (Interlocked.CompareExchange(ref _wanted, 0, seen) != seen);
    }
}
