using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkdir(string path, uint mode);

    /// <summary><c>man 2 mkdir</c>.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void Mkdir(string path, uint mode) =>
        LinuxException.Check(mkdir(path, mode), "mkdir", path);
}
