using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    private const long SYS_seccomp = 317;
    private const int SECCOMP_SET_MODE_FILTER = 1;

    // Variadic in C; on x86-64 the arguments are passed the same way.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long syscall_seccomp(long number, nint operation, nint flags, nint program);

    /// <summary>Whether <c>seccomp(2)</c> is there and knows the flags; installs nothing.</summary>
    public static bool KnowsSeccompFlags(uint flags)
    {
        // No program is there to be read, which is found only once the flags are accepted.
        return syscall_seccomp(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (nint)flags, 0) < 0 && LinuxException.Last("seccomp").Errno == Errno.EFAULT;
    }
}
