using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rename(string from, string to);

    /// <summary><c>man 2 rename</c>.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void Rename(string from, string to) =>
        LinuxException.Check(rename(from, to), "rename", to);
}
