using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint geteuid();

    /// <summary><c>man 2 geteuid</c>.</summary>
    public static uint EffectiveUser() => geteuid();
}
