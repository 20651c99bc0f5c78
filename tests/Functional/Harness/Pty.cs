using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Tests.Functional.Harness;

/// <summary>A terminal that a program can be typed at. It mounts a devpts of its own, since a bare machine may have none.</summary>
internal sealed partial class Pty : IDisposable
{
    private const uint TIOCGPTN = 0x80045430;
    private const uint TIOCSPTLCK = 0x40045431;
    private const uint TIOCSWINSZ = 0x5414;
    private readonly TempDir _dir = new();
    private readonly FileStream _master;
    private readonly string _slave;
    private readonly StringBuilder _screen = new();
    private readonly FileStream _keepOpen;

    public Pty(ushort rows, ushort columns)
    {
        new Command("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=0620", "devpts", _dir.File("pts").Made()).Run().Succeeded();
        SafeFileHandle master = File.OpenHandle(_dir.File("pts/ptmx"), FileMode.Open, FileAccess.ReadWrite);
        int number = 0, unlock = 0;
        Check(ioctl(master, TIOCSPTLCK, ref unlock));
        Check(ioctl(master, TIOCGPTN, ref number));
        _slave = _dir.File($"pts/{number}");
        _master = new FileStream(master, FileAccess.ReadWrite, 0);
        // Holds the terminal open between programs, so that the master does not see a hang-up.
        _keepOpen = new FileStream(_slave, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0);
        Resize(rows, columns);
        new Thread(Read) { IsBackground = true }.Start();
    }

    /// <summary>All that was shown so far.</summary>
    public string Screen
    {
        get
        {
            lock (_screen)
                return _screen.ToString();
        }
    }

    /// <summary>Starts <paramref name="command"/> with this as its controlling terminal (setsid -c, man 1 setsid).</summary>
    public Daemon Start(string program, string[] arguments, IReadOnlyDictionary<string, string?> environment, int? networkOf)
    {
        Command command = new("sh", ["-c", "t=$1; shift; exec setsid -c -w \"$@\" <\"$t\" >\"$t\" 2>&1", "sh", _slave, program, .. arguments]) { NetworkOf = networkOf };
        foreach ((string name, string? value) in environment)
            command.Environment[name] = value;
        command.Environment["TERM"] = "xterm";
        return new Daemon(command);
    }

    public void Type(string keys)
    {
        _master.Write(Encoding.UTF8.GetBytes(keys));
        _master.Flush();
    }

    public void Resize(ushort rows, ushort columns)
    {
        WindowSize size = new() { Rows = rows, Columns = columns };
        Check(ioctl(_master.SafeFileHandle, TIOCSWINSZ, ref size));
    }

    /// <summary>Waits until the screen shows <paramref name="text"/> at or behind <paramref name="from"/>; gives the place behind it.</summary>
    public int WaitFor(string text, int from = 0, int seconds = 20)
    {
        for (int i = 0; i < seconds * 50; i++)
        {
            int at = Screen.IndexOf(text, Math.Min(from, Screen.Length), StringComparison.Ordinal);
            if (at >= 0)
                return at + text.Length;
            Thread.Sleep(20);
        }
        Assert.Fail($"the terminal never showed \"{text}\"; it shows:\n{Screen}");
        return -1;
    }

    public void Dispose()
    {
        _keepOpen.Dispose();
        _master.Dispose();
        _dir.Dispose();
    }

    private void Read()
    {
        byte[] buffer = new byte[4096];
        Decoder decoder = Encoding.UTF8.GetDecoder();
        char[] chars = new char[4096];
        try
        {
            int n;
            while ((n = _master.Read(buffer)) > 0)
            {
                int count = decoder.GetChars(buffer.AsSpan(0, n), chars, flush: false);
                lock (_screen)
                    _screen.Append(chars, 0, count);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // EIO: the last program has closed the terminal (man 4 pts).
        }
    }

    private static void Check(int result)
    {
        if (result < 0)
            throw new IOException($"ioctl: errno {Marshal.GetLastPInvokeError()}");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(SafeFileHandle fd, nuint request, ref int value);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(SafeFileHandle fd, nuint request, ref WindowSize value);

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort XPixels;
        public ushort YPixels;
    }
}

internal static class PathExtensions
{
    /// <summary>The folder's path, after making it.</summary>
    public static string Made(this string path)
    {
        Directory.CreateDirectory(path);
        return path;
    }
}
