using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary><c>native/tls</c>: the program that speaks TLS, carried within this one.</summary>
public static partial class TlsProgram
{
    [LibraryImport("aotlauncher", EntryPoint = "aot_tls_helper")]
    private static partial int aot_tls_helper();

    /// <summary>The program as a file in memory that nobody can change, to be executed as <c>/proc/self/fd/N</c>.</summary>
    /// <exception cref="LinuxException">EMFILE, ENOMEM, …</exception>
    public static SafeFileHandle Open()
    {
        int fd = aot_tls_helper();
        return fd < 0 ? throw new LinuxException("memfd_create", "tls-helper", (Errno)(-fd)) : new SafeFileHandle(fd, ownsHandle: true);
    }
}
