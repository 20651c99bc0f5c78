using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

public static partial class Sys
{
    private const ulong AT_EXECFN = 31;

    [LibraryImport("libc", EntryPoint = "getauxval")]
    private static partial nint getauxval(ulong type);

    /// <summary>The path that execve(2) got for this program, whatever its argv[0] says (<c>man 3 getauxval</c>, AT_EXECFN); null where the kernel does not tell.</summary>
    public static string? ExecPath() => Marshal.PtrToStringUTF8(getauxval(AT_EXECFN));
}
