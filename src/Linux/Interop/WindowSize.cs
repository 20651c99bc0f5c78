using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary><c>struct winsize</c> (<c>man 2 TIOCGWINSZ</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct WindowSize
{
    /// <summary>Rows of characters.</summary>
    public ushort Rows;

    /// <summary>Columns of characters.</summary>
    public ushort Columns;

    /// <summary>Width in pixels; unused.</summary>
    public ushort PixelWidth;

    /// <summary>Height in pixels; unused.</summary>
    public ushort PixelHeight;
}

public static unsafe partial class Sys
{
    private const nuint TIOCGWINSZ = 0x5413;
    private const nuint TIOCSWINSZ = 0x5414;

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int ioctl_winsize(SafeHandle file, nuint request, WindowSize* size);

    /// <summary><c>man 2 TIOCSWINSZ</c>: sets a terminal's size; its foreground process group gets SIGWINCH.</summary>
    /// <exception cref="LinuxException">EIO, ENOTTY, …</exception>
    public static void SetWindowSize(SafeFileHandle terminal, ushort columns, ushort rows)
    {
        var size = new WindowSize { Rows = rows, Columns = columns };
        LinuxException.Check(ioctl_winsize(terminal, TIOCSWINSZ, &size), "ioctl", "TIOCSWINSZ");
    }

    /// <summary><c>man 2 TIOCGWINSZ</c>; false where <paramref name="file"/> isn't a terminal.</summary>
    public static bool TryGetWindowSize(SafeFileHandle file, out WindowSize size)
    {
        size = default;
        // SAFETY: the pointer is to this call's own out parameter, pinned while the kernel fills it.
        fixed (WindowSize* s = &size)
            return ioctl_winsize(file, TIOCGWINSZ, s) == 0;
    }
}
