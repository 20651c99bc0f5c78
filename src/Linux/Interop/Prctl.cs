using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    /// <summary><c>man 2 PR_SET_CHILD_SUBREAPER</c>.</summary>
    public const int PR_SET_CHILD_SUBREAPER = 36;

    /// <summary><c>man 2 PR_SET_NAME</c>.</summary>
    public const int PR_SET_NAME = 15;

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int prctl(int option, nuint a2, nuint a3, nuint a4, nuint a5);

    /// <summary><c>man 2 prctl</c>: the call's result, never negative.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static int Prctl(int option, nuint a2 = 0, nuint a3 = 0, nuint a4 = 0, nuint a5 = 0) =>
        LinuxException.Check(prctl(option, a2, a3, a4, a5), "prctl");
}
