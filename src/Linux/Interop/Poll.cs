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

    /// <summary>Waits for two descriptors: what is ready of each, or <see cref="EpollEvents.None"/> of both after <paramref name="timeout"/> milliseconds.</summary>
    public static unsafe (EpollEvents First, EpollEvents Second) PollTwo(SafeHandle first, EpollEvents firstEvents, SafeHandle second, EpollEvents secondEvents, int timeout)
    {
        bool added = false, addedSecond = false;
        try
        {
            first.DangerousAddRef(ref added);
            second.DangerousAddRef(ref addedSecond);
            PollFd* fds = stackalloc PollFd[2];
            fds[0] = new PollFd { Fd = (int)first.DangerousGetHandle(), Events = (short)firstEvents };
            fds[1] = new PollFd { Fd = (int)second.DangerousGetHandle(), Events = (short)secondEvents };
            while (poll(fds, 2, timeout) < 0)
            {
                LinuxException error = LinuxException.Last("poll");
                if (error.Errno != Errno.EINTR)
                    throw error;
            }
            return ((EpollEvents)(ushort)fds[0].Revents, (EpollEvents)(ushort)fds[1].Revents);
        }
        finally
        {
            if (added)
                first.DangerousRelease();
            if (addedSecond)
                second.DangerousRelease();
        }
    }

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
