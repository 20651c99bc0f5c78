using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chown(string path, uint owner, uint group);

    /// <summary><c>man 2 chown</c>; <see cref="uint.MaxValue"/> leaves an id as it is.</summary>
    /// <exception cref="LinuxException">EPERM, ENOENT, …</exception>
    public static void Chown(string path, uint owner, uint group) =>
        LinuxException.Check(chown(path, owner, group), "chown", path);
}
