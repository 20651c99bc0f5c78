using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    private const int F_DUPFD_CLOEXEC = 1030;
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;
    private const int O_NONBLOCK = 0x800;
    private const int F_SETPIPE_SZ = 1031;
    private const int F_GETPIPE_SZ = 1032;

    // Variadic in C; on x86-64 an int argument is passed the same way.
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int fcntl(SafeHandle file, int command, int argument);

    /// <summary>Makes the open file description (shared by all its duplicates) non-blocking.</summary>
    public static void SetNonBlocking(SafeHandle file)
    {
        int flags = LinuxException.Check(fcntl(file, F_GETFL, 0), "fcntl", "F_GETFL");
        LinuxException.Check(fcntl(file, F_SETFL, flags | O_NONBLOCK), "fcntl", "F_SETFL");
    }

    /// <summary>Another descriptor for the same open file description, close-on-exec.</summary>
    /// <exception cref="LinuxException">EMFILE, …</exception>
    public static SafeFileHandle Duplicate(SafeHandle file) =>
        new(LinuxException.Check(fcntl(file, F_DUPFD_CLOEXEC, 3), "fcntl", "F_DUPFD_CLOEXEC"), ownsHandle: true);

    /// <summary>
    /// Makes an empty pipe as small as the kernel lets it be, and full: whoever writes to it next waits for a reader (<c>man 7 pipe</c>, "Pipe capacity").
    /// </summary>
    /// <exception cref="LinuxException">It is no pipe, or not open for writing.</exception>
    public static void FillPipe(SafeFileHandle pipe, string path)
    {
        // What can't be made smaller is filled as it is.
        fcntl(pipe, F_SETPIPE_SZ, 1);
        byte[] all = new byte[LinuxException.Check(fcntl(pipe, F_GETPIPE_SZ, 0), "fcntl", path)];
        all.AsSpan().Fill((byte)'0');
        WriteDescriptor((int)pipe.DangerousGetHandle(), all);
    }
}
