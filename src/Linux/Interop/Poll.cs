using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [StructLayout(LayoutKind.Sequential)]
    private struct PollFd
    {
        public int Fd;
        public short Events;
        public short Revents;
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static unsafe partial int poll(PollFd* fds, nuint count, int timeout);

    /// <summary>Waits for one descriptor: what is ready, or <see cref="EpollEvents.None"/> after <paramref name="timeout"/> milliseconds (0: do not wait, -1: for ever).</summary>
    public static unsafe EpollEvents Poll(SafeHandle file, EpollEvents events, int timeout)
    {
        bool added = false;
        file.DangerousAddRef(ref added);
        try
        {
            // POLLIN, POLLOUT, POLLERR and POLLHUP have the values of EPOLLIN, ….
            var fd = new PollFd { Fd = (int)file.DangerousGetHandle(), Events = (short)events };
            while (poll(&fd, 1, timeout) < 0)
            {
                LinuxException error = LinuxException.Last("poll");
                if (error.Errno != Errno.EINTR)
                    throw error;
            }
            return (EpollEvents)(ushort)fd.Revents;
        }
        finally
        {
            file.DangerousRelease();
        }
    }
}
