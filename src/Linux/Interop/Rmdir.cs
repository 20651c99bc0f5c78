using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "rmdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rmdir(string path);

    /// <summary><c>man 2 rmdir</c>.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void Rmdir(string path) =>
        LinuxException.Check(rmdir(path), "rmdir", path);
}
