using System.Globalization;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Containers;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Oci;

/// <summary>A container's mounts: Docker's defaults, and the user's over them.</summary>
internal static class MountTable
{
    /// <summary>Size of /dev/shm unless told otherwise.</summary>
    public const long DefaultShmSize = 64 * 1024 * 1024;

    /// <summary>Builds the table; <paramref name="rootPropagation"/> is what shared or slave binds need of the root.</summary>
    /// <exception cref="ApiException">400: two mounts for one place, or options that do not go together.</exception>
    public static List<OciMount> Build(SpecInput input, out string? rootPropagation)
    {
        HostConfig host = input.Container.HostConfig;
        rootPropagation = null;
        List<OciMount> user = [];
        HashSet<string> taken = [];
        foreach (MountRecord mount in input.Mounts)
        {
            if (!taken.Add(mount.Destination))
                throw ApiException.BadRequest($"Duplicate mount point: {mount.Destination}");
            user.Add(mount.Type == "tmpfs" ? Tmpfs(mount.Destination, mount.TmpfsOptions, !mount.Writable) : Bind(mount));
            if (mount.Propagation is "shared" or "rshared")
                rootPropagation = "shared";
            else if (mount.Propagation is "slave" or "rslave")
                rootPropagation ??= "rslave";
        }
        foreach ((string destination, string options) in host.Tmpfs ?? [])
        {
            if (!taken.Add(destination))
                throw ApiException.BadRequest($"Duplicate mount point: {destination}");
            user.Add(Tmpfs(destination, options, readOnly: false));
        }
        AddFile(user, taken, input.ResolvConfPath, "/etc/resolv.conf");
        AddFile(user, taken, input.HostnamePath, "/etc/hostname");
        AddFile(user, taken, input.HostsPath, "/etc/hosts");
        if (input.InitPath.Length > 0)
        {
            user.Add(new OciMount { Destination = SpecBuilder.InitInside, Type = "bind", Source = input.InitPath, Options = ["bind", "ro"] });
        }

        List<OciMount> mounts = [];
        foreach (OciMount mount in Defaults(input, host))
        {
            // Whoever mounts over /dev or /dev/shm wants that instead of the default.
            if (!taken.Contains(mount.Destination))
                mounts.Add(mount);
        }
        // What lies above must be mounted first; equal depths stay in their order.
        mounts.AddRange(user.Select((m, i) => (m, i)).OrderBy(p => Depth(p.m.Destination)).ThenBy(p => p.i).Select(p => p.m));
        return mounts;
    }

    /// <summary>Brings the options of a tmpfs into their final form: of two that contradict each other the later one holds.</summary>
    /// <exception cref="ApiException">400: an option is unknown.</exception>
    public static List<string> TmpfsOptions(string options)
    {
        List<string> result = [];
        foreach (string option in ((string[])["noexec", "nosuid", "nodev", "rprivate", .. options.Split(',', StringSplitOptions.RemoveEmptyEntries)]))
        {
            string key = option.Split('=')[0];
            string? opposite = key switch
            {
                "noexec" => "exec",
                "exec" => "noexec",
                "nosuid" => "suid",
                "suid" => "nosuid",
                "nodev" => "dev",
                "dev" => "nodev",
                "ro" => "rw",
                "rw" => "ro",
                "noatime" => "atime",
                "atime" => "noatime",
                "sync" => "async",
                "async" => "sync",
                "size" or "mode" or "uid" or "gid" or "nr_inodes" or "nr_blocks" or "mpol" or "defaults" or "bind" or "rbind" or "rprivate"
                    or "private" or "rshared" or "shared" or "rslave" or "slave" or "strictatime" or "relatime" or "nodiratime" or "remount" or "huge" => "",
                _ => null,
            };
            if (opposite is null)
                throw ApiException.BadRequest($"invalid tmpfs option [\"{option}\"]");
            result.RemoveAll(o => o.Split('=')[0] == key || (opposite.Length > 0 && o == opposite));
            result.Add(option);
        }
        return result;
    }

    private static OciMount Tmpfs(string destination, string options, bool readOnly)
    {
        List<string> all = TmpfsOptions(options);
        if (readOnly)
            all.Add("ro");
        return new OciMount { Destination = destination, Type = "tmpfs", Source = "tmpfs", Options = all };
    }

    private static OciMount Bind(MountRecord mount)
    {
        List<string> options = [mount.NonRecursive ? "bind" : "rbind"];
        if (!mount.Writable)
            options.Add("ro");
        options.Add(mount.Propagation.Length > 0 ? mount.Propagation : "rprivate");
        return new OciMount { Destination = mount.Destination, Type = "bind", Source = mount.Source, Options = options };
    }

    private static void AddFile(List<OciMount> mounts, HashSet<string> taken, string source, string destination)
    {
        if (source.Length > 0 && taken.Add(destination))
            mounts.Add(new OciMount { Destination = destination, Type = "bind", Source = source, Options = ["rbind", "rprivate"] });
    }

    private static List<OciMount> Defaults(SpecInput input, HostConfig host)
    {
        List<OciMount> mounts =
        [
            new() { Destination = "/proc", Type = "proc", Source = "proc", Options = ["nosuid", "noexec", "nodev"] },
            new() { Destination = "/dev", Type = "tmpfs", Source = "tmpfs", Options = ["nosuid", "strictatime", "mode=755", "size=65536k"] },
            new() { Destination = "/dev/pts", Type = "devpts", Source = "devpts", Options = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
            new() { Destination = "/sys", Type = "sysfs", Source = "sysfs", Options = ["nosuid", "noexec", "nodev", host.Privileged ? "rw" : "ro"] },
            new() { Destination = "/sys/fs/cgroup", Type = "cgroup", Source = "cgroup", Options = [host.Privileged ? "rw" : "ro", "nosuid", "noexec", "nodev"] },
        ];
        if (host.IpcMode == "host")
        {
            mounts.Add(new() { Destination = "/dev/mqueue", Type = "bind", Source = "/dev/mqueue", Options = ["rbind", "nosuid", "noexec", "nodev"] });
            mounts.Add(new() { Destination = "/dev/shm", Type = "bind", Source = "/dev/shm", Options = ["rbind", "nosuid", "noexec", "nodev"] });
            return mounts;
        }
        mounts.Add(new() { Destination = "/dev/mqueue", Type = "mqueue", Source = "mqueue", Options = ["nosuid", "noexec", "nodev"] });
        if (input.ShmPath.Length > 0)
        {
            mounts.Add(new() { Destination = "/dev/shm", Type = "bind", Source = input.ShmPath, Options = ["rbind", "rprivate"] });
        }
        else if (host.IpcMode != "none")
        {
            long size = host.ShmSize > 0 ? host.ShmSize : DefaultShmSize;
            mounts.Add(new()
            {
                Destination = "/dev/shm",
                Type = "tmpfs",
                Source = "shm",
                Options = ["nosuid", "noexec", "nodev", "mode=1777", "size=" + size.ToString(CultureInfo.InvariantCulture)],
            });
        }
        return mounts;
    }

    private static int Depth(string path) => path.AsSpan().TrimEnd('/').Count('/');
}
