using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial byte* realpath(string path, byte* resolved);

    /// <summary><c>man 3 realpath</c>: the path without symbolic links.</summary>
    /// <exception cref="LinuxException">ENOENT, ENOTDIR, ELOOP, …</exception>
    public static string RealPath(string path)
    {
        byte* buffer = stackalloc byte[4096];
        // SAFETY: the buffer has PATH_MAX bytes, the most that the call writes.
        return realpath(path, buffer) is null ? throw LinuxException.Last("stat", path) : Marshal.PtrToStringUTF8((nint)buffer)!;
    }
}
