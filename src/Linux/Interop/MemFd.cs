using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    private const uint MFD_CLOEXEC = 1;

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    /// <summary><c>man 2 memfd_create</c>, close-on-exec.</summary>
    /// <exception cref="LinuxException">EMFILE, …</exception>
    public static SafeFileHandle MemFd(string name) =>
        new(LinuxException.Check(memfd_create(name, MFD_CLOEXEC), "memfd_create", name), ownsHandle: true);
}
