using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

/// <summary><c>struct termios</c> of the C library (<c>man 3 termios</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TerminalAttributes
{
    /// <summary><c>c_iflag</c>.</summary>
    public uint InputFlags;

    /// <summary><c>c_oflag</c>.</summary>
    public uint OutputFlags;

    /// <summary><c>c_cflag</c>.</summary>
    public uint ControlFlags;

    /// <summary><c>c_lflag</c>.</summary>
    public uint LocalFlags;

    /// <summary><c>c_line</c>.</summary>
    public byte LineDiscipline;

    /// <summary><c>c_cc</c>.</summary>
    public ControlCharacterArray ControlCharacters;

    /// <summary><c>c_ispeed</c>.</summary>
    public uint InputSpeed;

    /// <summary><c>c_ospeed</c>.</summary>
    public uint OutputSpeed;

    /// <summary><c>cc_t c_cc[NCCS]</c>.</summary>
    [InlineArray(32)]
    public struct ControlCharacterArray
    {
        private byte _first;
    }

    /// <summary><c>cfmakeraw</c>: every byte comes and goes as it is, one at a time, and no key makes a signal.</summary>
    public readonly TerminalAttributes Raw()
    {
        const uint ignbrk = 1, brkint = 2, parmrk = 8, istrip = 0x20, inlcr = 0x40, igncr = 0x80, icrnl = 0x100, ixon = 0x400;
        const uint opost = 1;
        const uint isig = 1, icanon = 2, echo = 8, echonl = 0x40, iexten = 0x8000;
        const uint csize = 0x30, parenb = 0x100, cs8 = 0x30;
        const int vtime = 5, vmin = 6;

        TerminalAttributes raw = this;
        raw.InputFlags &= ~(ignbrk | brkint | parmrk | istrip | inlcr | igncr | icrnl | ixon);
        raw.OutputFlags &= ~opost;
        raw.LocalFlags &= ~(echo | echonl | icanon | isig | iexten);
        raw.ControlFlags = (raw.ControlFlags & ~(csize | parenb)) | cs8;
        raw.ControlCharacters[vmin] = 1;
        raw.ControlCharacters[vtime] = 0;
        return raw;
    }

    /// <summary>The same without echo: for passwords.</summary>
    public readonly TerminalAttributes WithoutEcho()
    {
        const uint echo = 8;
        TerminalAttributes silent = this;
        silent.LocalFlags &= ~echo;
        return silent;
    }
}

public static unsafe partial class Sys
{
    private const int TcSaDrain = 1;

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    private static partial int tcgetattr(int file, TerminalAttributes* attributes);

    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    private static partial int tcsetattr(int file, int when, TerminalAttributes* attributes);

    /// <summary><c>man 3 tcgetattr</c>; false where <paramref name="file"/> isn't a terminal.</summary>
    public static bool TryGetTerminalAttributes(int file, out TerminalAttributes attributes)
    {
        attributes = default;
        // SAFETY: the pointer is to this call's own out parameter, pinned while the C library fills it.
        fixed (TerminalAttributes* a = &attributes)
            return tcgetattr(file, a) == 0;
    }

    /// <summary><c>man 3 tcsetattr</c>, once what was written has left.</summary>
    /// <exception cref="LinuxException">ENOTTY, EIO, ….</exception>
    public static void SetTerminalAttributes(int file, TerminalAttributes attributes)
    {
        // SAFETY: the pointer is to this call's own copy on the stack.
        while (tcsetattr(file, TcSaDrain, &attributes) != 0)
        {
            if (LastErrno() != Errno.EINTR)
                throw LinuxException.Last("tcsetattr");
        }
    }
}
