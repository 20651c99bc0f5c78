using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, uint mode);

    /// <summary><c>man 2 open</c>, close-on-exec: for what File.OpenHandle does not do (FIFOs without blocking, directories, O_PATH).</summary>
    /// <exception cref="LinuxException">ENOENT, ENXIO, …</exception>
    public static SafeFileHandle Open(string path, OpenFlags flags, uint mode = 0)
    {
        int fd;
        while ((fd = open(path, (int)(flags | OpenFlags.CloseOnExec), mode)) < 0)
        {
            LinuxException error = LinuxException.Last("open", path);
            if (error.Errno != Errno.EINTR)
                throw error;
        }
        return new SafeFileHandle(fd, ownsHandle: true);
    }
}
