using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int ftruncate(SafeHandle file, long length);

    /// <summary><c>man 2 ftruncate</c>.</summary>
    /// <exception cref="LinuxException">The file can't have that length.</exception>
    public static void Ftruncate(SafeFileHandle file, long length, string subject = "") =>
        LinuxException.Check(ftruncate(file, length), "ftruncate", subject);
}
