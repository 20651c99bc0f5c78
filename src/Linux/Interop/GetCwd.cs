using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "getcwd", SetLastError = true)]
    private static partial byte* getcwd(byte* buffer, nuint size);

    /// <summary><c>man 3 getcwd</c>.</summary>
    /// <exception cref="LinuxException">ENOENT: the directory was removed.</exception>
    public static string GetCwd()
    {
        byte* buffer = stackalloc byte[4096];
        // SAFETY: the buffer's size is passed.
        return getcwd(buffer, 4096) is null ? throw LinuxException.Last("getwd") : Marshal.PtrToStringUTF8((nint)buffer)!;
    }
}
