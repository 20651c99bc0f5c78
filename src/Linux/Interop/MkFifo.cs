using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkfifo(string path, uint mode);

    /// <summary><c>man 3 mkfifo</c>.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void MkFifo(string path, uint mode) =>
        LinuxException.Check(mkfifo(path, mode), "mkfifo", path);
}
