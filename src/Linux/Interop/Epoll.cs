using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>What epoll waits for and tells (<c>man 2 epoll_ctl</c>).</summary>
[Flags]
public enum EpollEvents : uint
{
#pragma warning disable CS1591 // the names are the manual page's own
    None = 0,
    In = 1,
    Priority = 2,
    Out = 4,
    Error = 8,
    HangUp = 0x10,
    ReadHangUp = 0x2000,
    OneShot = 1u << 30,
    EdgeTriggered = 1u << 31,
#pragma warning restore CS1591
}

/// <summary>struct epoll_event, packed on x86-64.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public struct EpollEvent
{
    /// <summary>What happened.</summary>
    public EpollEvents Events;

    /// <summary>The value that was given with the descriptor.</summary>
    public long Data;
}

public static partial class Sys
{
    private const int EPOLL_CLOEXEC = 0x80000;
    private const int EPOLL_CTL_ADD = 1;
    private const int EPOLL_CTL_DEL = 2;
    private const int EPOLL_CTL_MOD = 3;

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static unsafe partial int epoll_ctl(SafeHandle epoll, int operation, SafeHandle file, EpollEvent* e);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static unsafe partial int epoll_wait(SafeHandle epoll, EpollEvent* events, int count, int timeout);

    /// <summary><c>man 2 epoll_create1</c>, close-on-exec.</summary>
    public static SafeFileHandle EpollCreate() =>
        new(LinuxException.Check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"), ownsHandle: true);

    /// <summary>Adds <paramref name="file"/>; false where it cannot be waited for because it is always ready (EPERM: a regular file).</summary>
    public static unsafe bool EpollAdd(SafeFileHandle epoll, SafeHandle file, EpollEvents events, long data)
    {
        var e = new EpollEvent { Events = events, Data = data };
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, file, &e) == 0)
            return true;
        LinuxException error = LinuxException.Last("epoll_ctl", "add");
        return error.Errno == Errno.EPERM ? false : throw error;
    }

    /// <summary>Changes what is waited for.</summary>
    public static unsafe void EpollModify(SafeFileHandle epoll, SafeHandle file, EpollEvents events, long data)
    {
        var e = new EpollEvent { Events = events, Data = data };
        LinuxException.Check(epoll_ctl(epoll, EPOLL_CTL_MOD, file, &e), "epoll_ctl", "mod");
    }

    /// <summary>Removes <paramref name="file"/>; nothing happens where it is not there.</summary>
    public static unsafe void EpollRemove(SafeFileHandle epoll, SafeHandle file)
    {
        EpollEvent e;
        if (epoll_ctl(epoll, EPOLL_CTL_DEL, file, &e) < 0)
        {
            LinuxException error = LinuxException.Last("epoll_ctl", "del");
            if (error.Errno is not (Errno.ENOENT or Errno.EPERM))
                throw error;
        }
    }

    /// <summary><c>man 2 epoll_wait</c>: how many of <paramref name="events"/> were filled; a timeout in milliseconds, -1 for none.</summary>
    public static unsafe int EpollWait(SafeFileHandle epoll, Span<EpollEvent> events, int timeout)
    {
        while (true)
        {
            int count;
            // SAFETY: pinned for the call, and its length is passed.
            fixed (EpollEvent* e = events)
                count = epoll_wait(epoll, e, events.Length, timeout);
            if (count >= 0)
                return count;
            LinuxException error = LinuxException.Last("epoll_wait");
            if (error.Errno != Errno.EINTR)
                throw error;
        }
    }
}
