using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace AotRuntime.Linux;

/// <summary>Whole files of the kernel's own file systems (/proc, /sys, cgroups) in three system calls, with the kernel's own errors.</summary>
public static unsafe partial class Sys
{
    // What most files of /proc and of cgroups fit into.
    private const int SmallBuffer = 4096;

    private const int O_WRONLY = 1;
    private const int O_TRUNC = 0x200;
    private const int O_CREAT = 0x40;
    private const int O_CLOEXEC_FLAG = 0x80000;

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint read_fd(int fd, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint write_fd(int fd, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int close_fd(int fd);

    /// <summary>Reads a file to its end.</summary>
    /// <exception cref="LinuxException">It can't be opened or read, or is larger than <paramref name="limit"/> (EFBIG).</exception>
    [SkipLocalsInit]
    public static byte[] ReadSmallFile(string path, int limit = 64 * 1024 * 1024)
    {
        int fd = OpenRaw(path, O_CLOEXEC_FLAG, 0);
        try
        {
            byte* small = stackalloc byte[SmallBuffer];
            var buffer = new Span<byte>(small, Math.Min(SmallBuffer, limit));
            int used = 0;
            while (true)
            {
                if (used == buffer.Length)
                {
                    if (used >= limit)
                        throw new LinuxException("read", path, Errno.EFBIG);
                    Span<byte> larger = new byte[(int)Math.Min((long)used * 4, limit)];
                    buffer.CopyTo(larger);
                    buffer = larger;
                }
                nint n;
                // SAFETY: the buffer is pinned for the call, and no more than its rest is asked for.
                fixed (byte* p = buffer)
                    n = read_fd(fd, p + used, (nuint)(buffer.Length - used));
                if (n < 0)
                {
                    LinuxException error = LinuxException.Last("read", path);
                    if (error.Errno == Errno.EINTR)
                        continue;
                    throw error;
                }
                if (n == 0)
                    return buffer[..used].ToArray();
                used += (int)n;
            }
        }
        finally
        {
            close_fd(fd);
        }
    }

    /// <summary>Reads a file as text.</summary>
    /// <inheritdoc cref="ReadSmallFile"/>
    public static string ReadSmallText(string path) => Encoding.UTF8.GetString(ReadSmallFile(path));

    /// <summary>Writes a file that exists, in one write, as control files want it.</summary>
    /// <exception cref="LinuxException">It can't be opened, or what was written is refused.</exception>
    public static void WriteSmallFile(string path, string text) => WriteAll(path, O_WRONLY | O_CLOEXEC_FLAG, 0, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes to an open control file, in one write; it takes each as if it were the first.</summary>
    /// <exception cref="LinuxException">What was written is refused.</exception>
    public static void WriteControl(SafeHandle file, string path, string text)
    {
        byte[] content = Encoding.UTF8.GetBytes(text);
        nint n;
        do
        {
            // SAFETY: the content is pinned for the call, with its length; the caller holds the file open.
            fixed (byte* p = content)
                n = write_fd((int)file.DangerousGetHandle(), p, (nuint)content.Length);
        }
        while (n < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EINTR);
        if (n < 0)
            throw LinuxException.Last("write", path);
    }

    /// <summary>Writes a new file, or a known one anew.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void CreateSmallFile(string path, ReadOnlySpan<byte> content, uint mode) =>
        WriteAll(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC_FLAG, mode, content);

    /// <summary>Writes all bytes to an open descriptor, such as standard output (1).</summary>
    public static void WriteDescriptor(int fd, ReadOnlySpan<byte> content)
    {
        while (content.Length > 0)
        {
            nint n;
            // SAFETY: the content is pinned for the call, with its length.
            fixed (byte* p = content)
                n = write_fd(fd, p, (nuint)content.Length);
            if (n < 0)
            {
                LinuxException error = LinuxException.Last("write");
                if (error.Errno == Errno.EINTR)
                    continue;
                throw error;
            }
            content = content[(int)n..];
        }
    }

    private static int OpenRaw(string path, int flags, uint mode)
    {
        int fd;
        while ((fd = open(path, flags, mode)) < 0)
        {
            LinuxException error = LinuxException.Last("open", path);
            if (error.Errno != Errno.EINTR)
                throw error;
        }
        return fd;
    }

    private static void WriteAll(string path, int flags, uint mode, ReadOnlySpan<byte> content)
    {
        int fd = OpenRaw(path, flags, mode);
        try
        {
            while (true)
            {
                nint n;
                // SAFETY: the content is pinned for the call, with its length.
                fixed (byte* p = content)
                    n = write_fd(fd, p, (nuint)content.Length);
                if (n == content.Length)
                    return;
                if (n >= 0)
                {
                    content = content[(int)n..];
                    continue;
                }
                LinuxException error = LinuxException.Last("write", path);
                if (error.Errno != Errno.EINTR)
                    throw error;
            }
        }
        finally
        {
            close_fd(fd);
        }
    }
}
