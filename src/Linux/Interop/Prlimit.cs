using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public ulong Soft;
        public ulong Hard;
    }

    [LibraryImport("libc", EntryPoint = "prlimit64", SetLastError = true)]
    private static unsafe partial int prlimit64(int pid, int resource, ResourceLimit* set, ResourceLimit* get);

    /// <summary><c>man 2 prlimit</c>: sets a limit of another process.</summary>
    /// <exception cref="LinuxException">EPERM, EINVAL (soft above hard), ESRCH.</exception>
    public static unsafe void SetLimit(int pid, int resource, ulong soft, ulong hard)
    {
        var limit = new ResourceLimit { Soft = soft, Hard = hard };
        // SAFETY: the limit lives on this stack.
        LinuxException.Check(prlimit64(pid, resource, &limit, null), "prlimit");
    }
}
