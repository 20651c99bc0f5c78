using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int fsync(SafeHandle file);

    /// <summary><c>man 2 fsync</c>, of a file or a directory.</summary>
    /// <exception cref="LinuxException">EIO, ENOSPC: the data may not be on the disk.</exception>
    public static void Fsync(SafeHandle file, string subject = "") => LinuxException.Check(fsync(file), "fsync", subject);
}
