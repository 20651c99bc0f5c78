using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static unsafe partial class Sys
{
    [LibraryImport("libc", EntryPoint = "getdents64", SetLastError = true)]
    private static partial nint getdents64(SafeHandle dir, byte* buffer, nuint size);

    /// <summary>The names in a directory, each NUL-terminated, without <c>.</c> and <c>..</c>; reads from the directory's offset on.</summary>
    /// <exception cref="LinuxException">Not a directory, or it could not be read.</exception>
    public static List<byte[]> ReadDirectoryNames(SafeFileHandle dir, string subject = "")
    {
        List<byte[]> names = [];
        byte* buffer = stackalloc byte[8192];
        while (true)
        {
            nint size = getdents64(dir, buffer, 8192);
            if (size < 0)
                throw LinuxException.Last("getdents64", subject);
            if (size == 0)
                return names;
            for (nint at = 0; at < size;)
            {
                // struct linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, then the name with its NUL.
                // SAFETY: the kernel filled "size" bytes with whole records; each says its own length and holds a NUL.
                ushort length = *(ushort*)(buffer + at + 16);
                ReadOnlySpan<byte> name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(buffer + at + 19);
                at += length;
                if (name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
                    continue;
                byte[] terminated = new byte[name.Length + 1];
                name.CopyTo(terminated);
                names.Add(terminated);
            }
        }
    }
}
