using AotRuntime.Linux;
using AotRuntime.Rpc.Containerd.Types;

namespace AotRuntime.Shim.Processes;

/// <summary>Mounts what the snapshotter gave as a container's root file system.</summary>
internal static class Rootfs
{
    private const int MaxDataLength = 4096;

    /// <summary>Room that the kernel and mount(2) itself may want of the one page that options get.</summary>
    private const int DataReserve = 512;

    // The working directory belongs to the whole process.
    private static readonly Lock WorkingDirectory = new();

    /// <summary>Mounts all on <paramref name="target"/>, the first first; if one fails, none stays.</summary>
    /// <exception cref="LinuxException">The kernel refused one.</exception>
    /// <exception cref="ShimException">An option that this shim does not know how to honour.</exception>
    public static void Mount(IReadOnlyList<Mount> mounts, string target)
    {
        try
        {
            foreach (Mount mount in mounts)
                MountOne(mount, mount.Target.Length == 0 ? target : InRoot(target, mount.Target));
        }
        catch (Exception)
        {
            MountTable.UnmountTree(target, detach: true);
            throw;
        }
    }

    private static void MountOne(Mount mount, string target)
    {
        var options = new List<string>(mount.Options);
        foreach (string option in options)
        {
            if (option == "loop" || option.StartsWith("uidmap=", StringComparison.Ordinal) || option.StartsWith("gidmap=", StringComparison.Ordinal))
                throw new ShimException($"failed to mount rootfs component: mount option \"{option}\" is not supported");
        }
        // Hints from one part of containerd to another, not for the kernel.
        options.RemoveAll(o => o.StartsWith("X-containerd.", StringComparison.Ordinal));

        MountOptions parsed = MountOptions.Parse(options);
        ulong flags = parsed.Flags & ~MountOptions.Propagation;
        if ((flags & MountOptions.MS_REMOUNT) == 0 || parsed.Data.Length > 0)
        {
            if (mount.Type == "overlay" && parsed.Data.Length >= MaxDataLength - DataReserve)
                MountWithShortPaths(mount, target, flags, options);
            else
                Sys.Mount(mount.Source, target, mount.Type, flags, parsed.Data.Length == 0 ? null : parsed.Data);
        }
        if ((parsed.Flags & MountOptions.Propagation) != 0)
            Sys.Mount("", target, "", parsed.Flags & (MountOptions.Propagation | MountOptions.MS_REC | MountOptions.MS_SILENT), null);
        // A bind mount takes its other flags only when it is mounted again (man 2 mount).
        const ulong readOnlyBind = MountOptions.MS_BIND | MountOptions.MS_RDONLY;
        if ((flags & readOnlyBind) == readOnlyBind)
            Sys.Mount("", target, "", flags | MountOptions.MS_REMOUNT, null);
    }

    /// <summary>Names the layers relative to the folder that all of them share, since their full paths do not fit into the page that options get.</summary>
    private static void MountWithShortPaths(Mount mount, string target, ulong flags, List<string> options)
    {
        (string? folder, List<string> shorter) = ShortenLowerDirs(options);
        string data = MountOptions.Parse(shorter).Data;
        if (data.Length > MaxDataLength)
            throw new ShimException("failed to mount rootfs component: mount options is too long");
        string full = Path.GetFullPath(target);
        if (folder is null)
        {
            Sys.Mount(mount.Source, full, mount.Type, flags, data);
            return;
        }
        lock (WorkingDirectory)
        {
            string before = Directory.GetCurrentDirectory();
            Directory.SetCurrentDirectory(folder);
            try
            {
                Sys.Mount(mount.Source, full, mount.Type, flags, data);
            }
            finally
            {
                Directory.SetCurrentDirectory(before);
            }
        }
    }

    /// <summary>The folder to start from, and the options with lower directories relative to it; null where they share none.</summary>
    internal static (string? Folder, List<string> Options) ShortenLowerDirs(List<string> options)
    {
        const string name = "lowerdir=";
        int index = options.FindIndex(o => o.StartsWith(name, StringComparison.Ordinal));
        if (index < 0)
            return (null, options);
        string[] folders = options[index][name.Length..].Split(':');
        string common = folders[0];
        foreach (string folder in folders)
        {
            int length = 0;
            while (length < common.Length && length < folder.Length && common[length] == folder[length])
                length++;
            common = common[..length];
        }
        int slash = common.LastIndexOf('/');
        if (folders.Length < 2 || slash <= 0)
            return (null, options);
        common = common[..slash];
        var shorter = new List<string>(options)
        {
            [index] = name + string.Join(':', Array.ConvertAll(folders, f => f[(common.Length + 1)..])),
        };
        return (common, shorter);
    }

    // What the snapshotter names lies below the root file system, whatever dots its name has.
    private static string InRoot(string root, string path)
    {
        string full = Path.GetFullPath(Path.Combine(root, path.TrimStart('/')));
        return full == root || full.StartsWith(root + "/", StringComparison.Ordinal)
            ? full
            : throw new ShimException($"failed to mount rootfs component: target \"{path}\" is outside of the rootfs");
    }
}
