using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int setns(SafeHandle fd, int types);

    /// <summary><c>man 2 setns</c>, for the calling thread only; <paramref name="subject"/> names the namespace in errors.</summary>
    /// <exception cref="LinuxException">EPERM, EINVAL, …</exception>
    public static void SetNs(SafeFileHandle fd, int types, string subject) =>
        LinuxException.Check(setns(fd, types), "setns", subject);
}
