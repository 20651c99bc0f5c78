using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    private const long SYS_pidfd_send_signal = 424;
    private const long SYS_pidfd_open = 434;
    private const long SYS_pidfd_getfd = 438;

    // Variadic in C; on x86-64 the arguments are passed the same way.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long syscall_pidfd(long number, nint a, nint b, nint c, nint d);

    /// <summary><c>man 2 pidfd_open</c>: a process that can't be mistaken for a later one with its number; null where there is none.</summary>
    /// <exception cref="LinuxException">The kernel refused for another reason.</exception>
    public static SafeFileHandle? PidFdOpen(int pid)
    {
        long fd = syscall_pidfd(SYS_pidfd_open, pid, 0, 0, 0);
        if (fd >= 0)
            return new SafeFileHandle((nint)fd, ownsHandle: true);
        LinuxException error = LinuxException.Last("pidfd_open");
        return error.Errno is Errno.ESRCH or Errno.EINVAL ? null : throw error;
    }

    /// <summary><c>man 2 pidfd_getfd</c>: a copy of a descriptor of another process.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static SafeFileHandle PidFdGetFd(SafeFileHandle pidFd, int fd)
    {
        bool added = false;
        pidFd.DangerousAddRef(ref added);
        try
        {
            return new SafeFileHandle((nint)LinuxException.Check(syscall_pidfd(SYS_pidfd_getfd, pidFd.DangerousGetHandle(), fd, 0, 0), "pidfd_getfd"), ownsHandle: true);
        }
        finally
        {
            pidFd.DangerousRelease();
        }
    }

    /// <summary><c>man 2 pidfd_send_signal</c>; false where the process is gone.</summary>
    /// <exception cref="LinuxException">EPERM, EINVAL.</exception>
    public static bool PidFdSendSignal(SafeFileHandle pidFd, int signal)
    {
        bool added = false;
        pidFd.DangerousAddRef(ref added);
        try
        {
            if (syscall_pidfd(SYS_pidfd_send_signal, pidFd.DangerousGetHandle(), signal, 0, 0) == 0)
                return true;
            LinuxException error = LinuxException.Last("pidfd_send_signal");
            return error.Errno == Errno.ESRCH ? false : throw error;
        }
        finally
        {
            pidFd.DangerousRelease();
        }
    }
}
