using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int kill(int pid, int signal);

    /// <summary><c>man 2 kill</c>.</summary>
    /// <exception cref="LinuxException">ESRCH: no such process; EPERM, EINVAL.</exception>
    public static void Kill(int pid, int signal) =>
        LinuxException.Check(kill(pid, signal), "kill", pid.ToString(System.Globalization.CultureInfo.InvariantCulture));
}
