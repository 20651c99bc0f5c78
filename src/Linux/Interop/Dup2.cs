using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static partial int dup2(SafeHandle file, int target);

    /// <summary><c>man 2 dup2</c>: makes descriptor <paramref name="target"/> another name of <paramref name="file"/>.</summary>
    /// <exception cref="LinuxException">EBADF, …</exception>
    public static void Dup2(SafeFileHandle file, int target) =>
        LinuxException.Check(dup2(file, target), "dup2");
}
