using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary><c>native/launcher/own_file.c</c>: keeps this program's file out of the reach of containers.</summary>
public static partial class OwnFile
{
    [LibraryImport("aotlauncher", EntryPoint = "aot_protect_own_file")]
    private static partial int aot_protect_own_file();

    [LibraryImport("aotlauncher", EntryPoint = "aot_read_only_file", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int aot_read_only_file(string path);

    /// <summary>
    /// Begins this program anew through a read-only mount; returns only where it already runs from one, or where the kernel
    /// does not let it. To be called before anything else was done.
    /// </summary>
    public static void Protect()
    {
        // A managed build is run by a host that has to find its other files beside it.
        if (!RuntimeFeature.IsDynamicCodeSupported)
            aot_protect_own_file();
    }

    /// <summary>A read-only view of <paramref name="path"/>, to be executed as <c>/proc/self/fd/N</c>; null where the kernel does not give one.</summary>
    public static SafeFileHandle? ReadOnly(string path)
    {
        int fd = aot_read_only_file(path);
        return fd < 0 ? null : new SafeFileHandle(fd, ownsHandle: true);
    }
}
