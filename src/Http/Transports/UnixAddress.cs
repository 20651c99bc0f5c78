using System.Net;
using System.Net.Sockets;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

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

    /// <summary>What is at the path, without following a link at its end; null where nothing is.</summary>
    public static FileStatus? Find(string path)
    {
        // AT_FDCWD: a relative path counts from the working directory, as bind(2) counts it.
        using SafeFileHandle workingDirectory = new(-100, ownsHandle: false);
        byte[] terminated = [.. System.Text.Encoding.UTF8.GetBytes(path), 0];
        return Sys.TryStatAt(workingDirectory, terminated, out FileStatus status) == Errno.None ? status : null;
    }

    /// <summary>S_ISSOCK of <c>man 7 inode</c>.</summary>
    public static bool IsSocket(FileStatus status) => (status.Mode & 0xF000) == 0xC000;
}
