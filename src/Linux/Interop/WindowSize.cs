using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    private const nuint TIOCSWINSZ = 0x5414;

    [StructLayout(LayoutKind.Sequential)]
    private struct WinSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort XPixels;
        public ushort YPixels;
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int ioctl_winsize(SafeHandle file, nuint request, WinSize* size);

    /// <summary><c>man 2 TIOCSWINSZ</c>: sets a terminal's size; its foreground process group gets SIGWINCH.</summary>
    /// <exception cref="LinuxException">EIO, ENOTTY, …</exception>
    public static unsafe void SetWindowSize(SafeFileHandle terminal, ushort columns, ushort rows)
    {
        var size = new WinSize { Rows = rows, Columns = columns };
        LinuxException.Check(ioctl_winsize(terminal, TIOCSWINSZ, &size), "ioctl", "TIOCSWINSZ");
    }
}
