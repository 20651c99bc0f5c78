using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    private const long SYS_open_tree = 428;
    private const int OPEN_TREE_CLONE = 1;
    private const int OPEN_TREE_CLOEXEC = 0x80000;
    private const int AT_RECURSIVE = 0x8000;
    private const int AT_FDCWD_TREE = -100;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long syscall_open_tree(long number, nint dir, string path, nint flags);

    /// <summary><c>man 2 open_tree</c>: a detached copy of the mount at a path, for another process to attach.</summary>
    /// <exception cref="LinuxException">ENOENT, EPERM, …</exception>
    public static SafeFileHandle CloneTree(string path, bool recursive)
    {
        int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
        long fd = LinuxException.Check(syscall_open_tree(SYS_open_tree, AT_FDCWD_TREE, path, flags), "open_tree", path);
        return new SafeFileHandle((nint)fd, ownsHandle: true);
    }
}
