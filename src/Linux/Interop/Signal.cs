using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
#pragma warning disable CS1591 // the names are the manual page's own
    public const int SIGKILL = 9;
    public const int SIGPIPE = 13;
    public const int SIGTERM = 15;
#pragma warning restore CS1591

    private const nint SIG_IGN = 1;

    [LibraryImport("libc", EntryPoint = "signal", SetLastError = true)]
    private static partial nint signal(int signal, nint handler);

    /// <summary><c>man 2 signal</c>: from now on this process does not notice <paramref name="number"/>.</summary>
    public static void IgnoreSignal(int number)
    {
        if (signal(number, SIG_IGN) == -1)
            throw LinuxException.Last("signal");
    }
}
