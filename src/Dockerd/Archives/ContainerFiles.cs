using System.IO.Pipelines;
using System.Text;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Oci;
using AotRuntime.EngineApi;
using AotRuntime.Images;
using AotRuntime.Images.Tar;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Archives;

/// <summary>
/// A container's filesystem for copying: paths are the container's, and every one is resolved by the kernel with the container's root as
/// the root, so that no link in it leads out, and none changed meanwhile either.
/// </summary>
internal sealed class ContainerFiles(string rootPath, string containerName) : IDisposable
{
    private const int MaxLinks = 255;
    private const ResolveFlags Inside = ResolveFlags.InRoot | ResolveFlags.NoMagicLinks;

    private readonly SafeFileHandle _root = Sys.Open(rootPath, OpenFlags.Path | OpenFlags.Directory);

    /// <summary>What is at a path; a link at its end is not followed, but its target is told.</summary>
    /// <exception cref="ApiException">404: nothing is.</exception>
    public ContainerPathStat Stat(string path)
    {
        string absolute = Absolute(path);
        using SafeFileHandle file = Open(absolute, OpenFlags.Path | OpenFlags.NoFollow, path);
        FileStatus status = StatusOf(file, path);
        TimeSpec time = status.ModificationTime;
        return new ContainerPathStat
        {
            Name = BaseName(absolute),
            Size = (long)status.Size,
            Mode = GoMode(status.Mode),
            Mtime = GoTime.Format(DateTimeOffset.FromUnixTimeSeconds(time.Seconds).AddTicks(time.Nanoseconds / 100)),
            LinkTarget = status.IsSymlink ? Follow(absolute) : "",
        };
    }

    /// <summary>Archives what is at a path, named by the path's last part.</summary>
    /// <exception cref="ApiException">404: nothing is.</exception>
    public async Task ArchiveAsync(string path, PipeWriter output, CancellationToken cancellationToken)
    {
        string absolute = Absolute(path);
        TreeArchiver archiver = new(output, cancellationToken);
        bool directory;
        using (SafeFileHandle file = Open(absolute, OpenFlags.Path | OpenFlags.NoFollow, path))
            directory = StatusOf(file, path).IsDirectory;
        if (directory)
        {
            string name = BaseName(absolute);
            byte[] prefix = Encoding.UTF8.GetBytes(name == "/" ? "/" : name + "/");
            using SafeFileHandle opened = Open(absolute, OpenFlags.ReadOnly | OpenFlags.Directory, path);
            await archiver.AddDirectoryAsync(opened, prefix, prefix).ConfigureAwait(false);
        }
        else
        {
            int slash = absolute.LastIndexOf('/');
            byte[] name = Encoding.UTF8.GetBytes(absolute[(slash + 1)..]);
            using SafeFileHandle parent = Open(slash == 0 ? "/" : absolute[..slash], OpenFlags.Path | OpenFlags.Directory, path);
            await archiver.AddAsync(parent, name, name).ConfigureAwait(false);
        }
        await archiver.FinishAsync().ConfigureAwait(false);
    }

    /// <summary>Archives the whole root, without what is mounted in it.</summary>
    public async Task ExportAsync(PipeWriter output, CancellationToken cancellationToken)
    {
        using SafeFileHandle root = Open("/", OpenFlags.ReadOnly | OpenFlags.Directory, "/");
        TreeArchiver archiver = new(output, cancellationToken) { OnlyDevice = StatusOf(root, "/").Device };
        await archiver.AddDirectoryAsync(root, null, []).ConfigureAwait(false);
        await archiver.FinishAsync().ConfigureAwait(false);
    }

    /// <summary>Unpacks an archive, compressed or not, into a directory; a link to one is followed.</summary>
    /// <exception cref="ApiException">400: it is no directory, or the archive does not fit; 404: nothing is there.</exception>
    public async Task ExtractAsync(string path, PipeReader archive, bool keepKinds, (uint Uid, uint Gid)? owner, Func<string, string?> refuse, CancellationToken cancellationToken)
    {
        string absolute = Absolute(path);
        using SafeFileHandle target = Open(absolute, OpenFlags.Path, path);
        if (!StatusOf(target, path).IsDirectory)
            throw ApiException.BadRequest("extraction point is not a directory");
        if (refuse(Follow(absolute)) is { } reason)
            throw ApiException.BadRequest(reason);
        try
        {
            await LayerUnpacker.UnpackAsync(archive, new UnpackOptions
            {
                Directory = $"/proc/self/fd/{target.DangerousGetHandle()}",
                Whiteouts = WhiteoutMode.None,
                KeepKinds = keepKinds,
                Owner = owner,
                Sync = false,
            }, cancellationToken).ConfigureAwait(false);
        }
        catch (UnpackException e)
        {
            throw e.Message.StartsWith("cannot overwrite", StringComparison.Ordinal) ? ApiException.BadRequest(e.Message) : ApiException.Internal(e.Message, e);
        }
    }

    /// <summary>Whom files belong to that are to be the container's own user's; null for whom the archive says.</summary>
    public (uint Uid, uint Gid)? OwnerOf(string user)
    {
        if (user.Length == 0)
            return null;
        using Oci.RootFs root = new($"/proc/self/fd/{_root.DangerousGetHandle()}");
        OciUser found = UserLookup.Resolve(user, root.ReadText("/etc/passwd"), root.ReadText("/etc/group"), null);
        return ((uint)found.Uid, (uint)found.Gid);
    }

    /// <inheritdoc/>
    public void Dispose() => _root.Dispose();

    private SafeFileHandle Open(string absolute, OpenFlags flags, string asked)
    {
        if (absolute.Contains('\0'))
            throw ApiException.BadRequest("invalid path");
        Errno errno = Sys.TryOpenAt2(_root, TarPath.Terminate(Encoding.UTF8.GetBytes(absolute)), flags, 0, Inside, out SafeFileHandle? file);
        return errno switch
        {
            Errno.None => file!,
            Errno.ENOENT => throw ApiException.NotFound($"Could not find the file {asked} in container {containerName}"),
            Errno.EACCES or Errno.EPERM => throw ApiException.Forbidden($"open {asked}: {errno.Text()}"),
            _ => throw ApiException.Internal($"open {asked}: {errno.Text()}"),
        };
    }

    private static FileStatus StatusOf(SafeFileHandle file, string path)
    {
        Errno errno = Sys.TryStatAt(file, "\0"u8, out FileStatus status);
        return errno == Errno.None ? status : throw ApiException.Internal($"lstat {path}: {errno.Text()}");
    }

    /// <summary>The end of a chain of links, or as far as it leads.</summary>
    private string Follow(string absolute)
    {
        byte[] buffer = new byte[4096];
        for (int i = 0; i < MaxLinks; i++)
        {
            if (Sys.TryOpenAt2(_root, TarPath.Terminate(Encoding.UTF8.GetBytes(absolute)), OpenFlags.Path | OpenFlags.NoFollow, 0, Inside, out SafeFileHandle? file) != Errno.None)
                break;
            using (file)
            {
                if (Sys.TryReadLinkAt(file!, "\0"u8, buffer, out int length) != Errno.None)
                    break;
                string target = Encoding.UTF8.GetString(buffer, 0, length);
                absolute = Clean(target.StartsWith('/') ? target : $"{absolute[..absolute.LastIndexOf('/')]}/{target}");
            }
        }
        return absolute;
    }

    /// <summary>A clean absolute path; a slash or dot at the end stays, since it makes a link to a directory mean the directory.</summary>
    private static string Absolute(string path)
    {
        string clean = Clean(path);
        if (path.EndsWith("/.", StringComparison.Ordinal) || path == ".")
            return clean == "/" ? "/." : clean + "/.";
        return path.EndsWith('/') && clean != "/" ? clean + "/" : clean;
    }

    private static string Clean(string path)
    {
        List<string> parts = [];
        foreach (string part in path.Split('/'))
        {
            if (part is "" or ".")
                continue;
            if (part != "..")
                parts.Add(part);
            else if (parts.Count > 0)
                parts.RemoveAt(parts.Count - 1);
        }
        return "/" + string.Join('/', parts);
    }

    private static string BaseName(string absolute)
    {
        string trimmed = absolute.TrimEnd('/');
        return trimmed.Length == 0 ? "/" : trimmed[(trimmed.LastIndexOf('/') + 1)..];
    }

    /// <summary>Go's os.FileMode of a st_mode: the permission bits are the same, the others lie elsewhere.</summary>
    private static uint GoMode(uint mode)
    {
        uint result = mode & 0x1ff;
        result |= (mode & 0xf000) switch
        {
            0x4000 => 1u << 31,
            0xa000 => 1u << 27,
            0x6000 => 1u << 26,
            0x2000 => (1u << 26) | (1u << 21),
            0x1000 => 1u << 25,
            0xc000 => 1u << 24,
            _ => 0u,
        };
        if ((mode & 0x800) != 0)
            result |= 1u << 23;
        if ((mode & 0x400) != 0)
            result |= 1u << 22;
        if ((mode & 0x200) != 0)
            result |= 1u << 20;
        return result;
    }
}
