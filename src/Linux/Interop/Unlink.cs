using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlink(string path);

    /// <summary><c>man 2 unlink</c>.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void Unlink(string path) =>
        LinuxException.Check(unlink(path), "unlink", path);
}
