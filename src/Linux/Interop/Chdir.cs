using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "chdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chdir(string path);

    /// <summary><c>man 2 chdir</c>.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void Chdir(string path) =>
        LinuxException.Check(chdir(path), "chdir", path);
}
