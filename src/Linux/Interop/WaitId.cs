using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

/// <summary>How a child ended.</summary>
/// <param name="Pid">Which one.</param>
/// <param name="Signaled">Whether a signal killed it.</param>
/// <param name="Value">The exit code, or the signal's number.</param>
public readonly record struct ChildExit(int Pid, bool Signaled, int Value)
{
    /// <summary>The shell's way to tell both in one number: the code, or 128 + the signal.</summary>
    public int Code => Signaled ? 128 + Value : Value;
}

public static partial class Sys
{
    private const int P_ALL = 0;
    private const int P_PID = 1;
    private const int WEXITED = 4;
    private const int WNOWAIT = 0x01000000;
    private const int WNOHANG = 1;
    private const int __WALL = 0x40000000;
    private const int CLD_EXITED = 1;

    // siginfo_t of SIGCHLD (man 2 sigaction): si_signo, si_errno, si_code, padding, si_pid, si_uid, si_status; 128 bytes in all.
    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    private static unsafe partial int waitid(int idType, uint id, int* siginfo, int options);

    private static unsafe ChildExit? WaitId(int idType, uint id, int options, string subject)
    {
        int* info = stackalloc int[32];
        while (true)
        {
            info[3] = 0;
            info[4] = 0;
            // SAFETY: 128 bytes, the size of siginfo_t.
            if (waitid(idType, id, info, options | WEXITED | __WALL) == 0)
                return info[4] == 0 ? null : new ChildExit(info[4], info[2] != CLD_EXITED, info[6]);
            var error = LinuxException.Last("waitid", subject);
            if (error.Errno == Errno.ECHILD)
                return null;
            if (error.Errno != Errno.EINTR)
                throw error;
        }
    }

    /// <summary>Waits until any child has ended and says which, but leaves it a zombie, its pid still its own; null where there is no child at all, or with <paramref name="block"/> off none that has ended.</summary>
    public static ChildExit? WaitAnyPeek(bool block = true) => WaitId(P_ALL, 0, WNOWAIT | (block ? 0 : WNOHANG), "");

    /// <summary>Waits for one child and reaps it; null where it is no child of this process (or already reaped).</summary>
    public static ChildExit? WaitPid(int pid, bool block = true) =>
        WaitId(P_PID, (uint)pid, block ? 0 : WNOHANG, pid.ToString(System.Globalization.CultureInfo.InvariantCulture));
}
