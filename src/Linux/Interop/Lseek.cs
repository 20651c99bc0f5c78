using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long lseek(SafeHandle file, long offset, int whence);

    /// <summary><c>man 2 lseek</c> with SEEK_SET.</summary>
    /// <exception cref="LinuxException">ESPIPE, EINVAL.</exception>
    public static void Lseek(SafeFileHandle file, long offset, string subject = "") => LinuxException.Check(lseek(file, offset, 0), "lseek", subject);
}
