using System.Text;
using AotRuntime.Digests;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim.Bootstrap;

/// <summary>The socket that a shim serves on: one for each container, or for each group of containers that asks to share a shim.</summary>
internal static class ShimSocket
{
    /// <summary>Where sockets are, unless containerd says otherwise. Short, since socket paths are limited to 107 bytes.</summary>
    public const string DefaultFolder = "/run/containerd/s";

    /// <summary>The path that containerd address, namespace and group give.</summary>
    public static string PathFor(string folder, string containerdAddress, string ns, string group)
    {
        string joined = string.Join('/', containerdAddress.TrimEnd('/'), ns, group);
        return $"{folder}/{Sha2.Hex(Sha2Algorithm.Sha256, Encoding.UTF8.GetBytes(joined))}";
    }

    /// <summary>Listens; null where another shim does already, which then serves this container too.</summary>
    /// <exception cref="LinuxException">The socket can't be made.</exception>
    public static SafeFileHandle? Listen(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        SafeFileHandle socket;
        try
        {
            socket = Sys.ListenUnix(path);
        }
        catch (LinuxException e) when (e.Errno == Errno.EADDRINUSE)
        {
            if (Sys.CanConnectUnix(path))
                return null;
            // A shim that was killed left it.
            File.Delete(path);
            socket = Sys.ListenUnix(path);
        }
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return socket;
    }
}
