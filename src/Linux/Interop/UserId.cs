using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint geteuid();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint getegid();

    /// <summary><c>man 2 getegid</c>.</summary>
    public static uint EffectiveGroup() => getegid();

    /// <summary><c>man 2 geteuid</c>.</summary>
    public static uint EffectiveUser() => geteuid();
}
