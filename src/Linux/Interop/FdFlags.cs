using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    private const int F_GETFD = 1;
    private const int FD_CLOEXEC = 1;

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int fcntl_fd(int fd, int command, int argument);

    /// <summary>Whether a descriptor was handed to this program: it is open, and not one that the program itself opened (those are close-on-exec).</summary>
    public static bool IsInheritedDescriptor(int fd) => fcntl_fd(fd, F_GETFD, 0) is >= 0 and var flags && (flags & FD_CLOEXEC) == 0;
}
