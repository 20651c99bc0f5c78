using System.Text;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Criu;

/// <summary>Paths inside a root file system, without its symbolic links: criu knows a mount only by where it really is.</summary>
internal sealed class RootPaths : IDisposable
{
    private readonly SafeFileHandle _root;
    private readonly string _path;

    public RootPaths(string rootfs)
    {
        _path = rootfs.TrimEnd('/');
        _root = Sys.Open(rootfs, OpenFlags.Path | OpenFlags.Directory);
    }

    /// <summary>The path with the links of all that is there resolved; what is not there yet stays as it is.</summary>
    public string Resolve(string path)
    {
        string rest = "";
        while (path.Length > 1)
        {
            if (Sys.TryOpenAt2(_root, Encoding.UTF8.GetBytes(path + "\0"), OpenFlags.Path, 0, ResolveFlags.InRoot, out SafeFileHandle? file) == Errno.None)
            {
                using (file)
                {
                    string real = ProcLinks.Read(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/self/fd/{(int)file!.DangerousGetHandle()}"));
                    return (real.StartsWith(_path, StringComparison.Ordinal) ? real[_path.Length..] : path) + rest;
                }
            }
            path = path.TrimEnd('/');
            int slash = path.LastIndexOf('/');
            if (slash < 0)
                break;
            rest = path[slash..] + rest;
            path = path[..slash];
        }
        return rest.Length == 0 ? "/" : rest;
    }

    public void Dispose() => _root.Dispose();
}

/// <summary>Links of /proc, whose texts are no paths ("pipe:[4711]").</summary>
internal static class ProcLinks
{
    private const int Streams = 3;

    public static string Read(string link)
    {
        int slash = link.LastIndexOf('/');
        using SafeFileHandle directory = Sys.Open(link[..slash], OpenFlags.Path | OpenFlags.Directory);
        return Read(directory, link[(slash + 1)..], link);
    }

    /// <summary>What a process's standard streams lead to.</summary>
    public static List<string> StreamsOf(string process)
    {
        string path = $"/proc/{process}/fd";
        using SafeFileHandle directory = Sys.Open(path, OpenFlags.Path | OpenFlags.Directory);
        var streams = new List<string>(Streams);
        for (char fd = '0'; fd < '0' + Streams; fd++)
            streams.Add(Read(directory, fd.ToString(), path));
        return streams;
    }

    private static string Read(SafeFileHandle directory, string name, string subject)
    {
        Span<byte> buffer = stackalloc byte[4096];
        Errno errno = Sys.TryReadLinkAt(directory, Encoding.ASCII.GetBytes(name + "\0"), buffer, out int size);
        return errno == Errno.None ? Encoding.UTF8.GetString(buffer[..size]) : throw new LinuxException("readlink", subject, errno);
    }
}
