using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int syncfs(SafeHandle file);

    /// <summary><c>man 2 syncfs</c>: the whole file system that <paramref name="file"/> lies on.</summary>
    /// <exception cref="LinuxException">EIO, ENOSPC: data was lost.</exception>
    public static void SyncFs(SafeFileHandle file, string subject = "") => LinuxException.Check(syncfs(file), "syncfs", subject);
}
