using System.Net;
using System.Net.Sockets;
using AotRuntime.Linux;

namespace AotRuntime.Http;

/// <summary>Addresses of unix sockets: paths, and abstract names with a leading NUL or <c>@</c> (<c>man 7 unix</c>).</summary>
internal static class UnixAddress
{
    public static bool IsAbstract(string path) => path.Length > 0 && path[0] is '\0' or '@';

    public static EndPoint Parse(string path, string call, string subject)
    {
        try
        {
            return new UnixDomainSocketEndPoint(path.StartsWith('@') ? "\0" + path[1..] : path);
        }
        catch (ArgumentException)
        {
            // Longer than sun_path's 108 bytes, or empty: what Go's net package says too.
            throw new LinuxException(call, subject, Errno.EINVAL);
        }
    }

    /// <summary>Whether the file is a socket: a plain file, directory or device can be told by other means, a socket cannot be opened.</summary>
    public static bool IsSocket(string path)
    {
        try
        {
            using FileStream opened = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException)
        {
            // ENXIO, open(2): "The file is a UNIX domain socket."
            return File.Exists(path) && !Directory.Exists(path);
        }
    }
}
