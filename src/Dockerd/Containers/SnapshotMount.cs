using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Rpc.Containerd.Types;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Containers;

/// <summary>A container's root filesystem, mounted for a moment to look into it while the container does not run.</summary>
internal sealed class SnapshotMount : IDisposable
{
    private const int MNT_DETACH = 2;

    /// <summary>mount(2) takes one page of options.</summary>
    private const int MaxOptionBytes = 4095;

    private SnapshotMount(string path) => Path = path;

    /// <summary>Where it is mounted.</summary>
    public string Path { get; }

    /// <summary>Mounts at <paramref name="path"/>, made for this and removed afterwards.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static SnapshotMount Open(IReadOnlyList<Mount> mounts, string path)
    {
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        SnapshotMount result = new(path);
        try
        {
            foreach (Mount mount in mounts)
                MountOne(mount, path);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Sys.Unmount(Path, MNT_DETACH);
        }
        catch (LinuxException e) when (e.Errno is Errno.EINVAL or Errno.ENOENT)
        {
            return;
        }
        Directory.Delete(Path);
    }

    private static void MountOne(Mount mount, string target)
    {
        MountOptions options = MountOptions.Parse(mount.Options);
        string data = options.Data;
        if (data.Length <= MaxOptionBytes || mount.Type != "overlay")
        {
            Sys.Mount(mount.Source, target, mount.Type == "bind" ? null : mount.Type, options.Flags, data.Length > 0 ? data : null);
            return;
        }
        // Many layers make a long list of long paths: name their common folder by an open file instead.
        string common = CommonFolder(data);
        using SafeFileHandle folder = Sys.Open(common, OpenFlags.Path | OpenFlags.Directory);
        string brief = $"/proc/self/fd/{((int)folder.DangerousGetHandle()).ToString(CultureInfo.InvariantCulture)}";
        Sys.Mount(mount.Source, target, mount.Type, options.Flags, data.Replace(common, brief, StringComparison.Ordinal));
    }

    private static string CommonFolder(string data)
    {
        string? common = null;
        foreach (string option in data.Split(','))
        {
            int equals = option.IndexOf('=');
            if (equals < 0 || option[..equals] is not ("lowerdir" or "upperdir" or "workdir"))
                continue;
            foreach (string folder in option[(equals + 1)..].Split(':'))
            {
                common ??= folder;
                int same = 0;
                while (same < common.Length && same < folder.Length && common[same] == folder[same])
                    same++;
                common = common[..same];
            }
        }
        int slash = common?.LastIndexOf('/') ?? -1;
        return slash > 0 ? common![..slash] : throw new LinuxException("mount", "overlay", Errno.E2BIG);
    }
}
