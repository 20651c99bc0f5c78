using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "getrandom", SetLastError = true)]
    private static unsafe partial nint getrandom(byte* buffer, nuint size, uint flags);

    /// <summary><c>man 2 getrandom</c>: fills the whole buffer with bytes that nobody can foretell; early in a boot it waits until there are such.</summary>
    /// <exception cref="LinuxException">ENOSYS: a kernel before 3.17, or a seccomp profile without it.</exception>
    public static unsafe void GetRandom(Span<byte> buffer)
    {
        // A signal cuts requests of more than 256 bytes short.
        while (!buffer.IsEmpty)
        {
            nint count;
            // SAFETY: pinned for the call, and its length is passed.
            fixed (byte* b = buffer)
                count = getrandom(b, (nuint)buffer.Length, 0);
            if (count >= 0)
                buffer = buffer[(int)count..];
            else if (LastErrno() is not Errno.EINTR and Errno errno)
                throw new LinuxException("getrandom", "", errno);
        }
    }
}
