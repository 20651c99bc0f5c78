using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string? source, string target, string? type, ulong flags, string? data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int umount2(string target, int flags);

    /// <summary><c>man 2 mount</c>.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void Mount(string? source, string target, string? type, ulong flags, string? data) =>
        LinuxException.Check(mount(source, target, type, flags, data), "mount", target);

    /// <summary><c>man 2 umount2</c>.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void Unmount(string target, int flags) =>
        LinuxException.Check(umount2(target, flags), "umount2", target);
}
