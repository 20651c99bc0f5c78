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

    [StructLayout(LayoutKind.Sequential)]
    private struct MountAttr
    {
        public ulong Set, Clear, Propagation, UserNamespace;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial long syscall_mount_setattr(long number, nint mount, string path, nint flags, MountAttr* attributes, nint size);

    /// <summary><c>man 2 mount_setattr</c>, "ID-mapped mounts": gives a detached mount the ids of a user namespace.</summary>
    /// <exception cref="LinuxException">EINVAL: this file system can't be mapped; EPERM.</exception>
    public static unsafe void MapIds(SafeFileHandle mount, SafeFileHandle userNamespace, bool recursive, string subject)
    {
        const long SYS_mount_setattr = 442;
        const ulong MOUNT_ATTR_IDMAP = 0x100000;
        var attributes = new MountAttr { Set = MOUNT_ATTR_IDMAP, UserNamespace = (ulong)userNamespace.DangerousGetHandle() };
        int flags = AtEmptyPath | (recursive ? AT_RECURSIVE : 0);
        // SAFETY: the struct lives on this stack, and its size is passed; both handles outlive the call.
        LinuxException.Check(syscall_mount_setattr(SYS_mount_setattr, mount.DangerousGetHandle(), "", flags, &attributes, sizeof(MountAttr)), "mount_setattr", subject);
    }

    /// <summary><c>man 2 open_tree</c>: a detached copy of the mount at a path, for another process to attach.</summary>
    /// <exception cref="LinuxException">ENOENT, EPERM, …</exception>
    public static SafeFileHandle CloneTree(string path, bool recursive)
    {
        int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
        long fd = LinuxException.Check(syscall_open_tree(SYS_open_tree, AT_FDCWD_TREE, path, flags), "open_tree", path);
        return new SafeFileHandle((nint)fd, ownsHandle: true);
    }
}
