using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Volumes;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Containers;

/// <summary>Makes a container's mounts out of <c>-v</c>, <c>--mount</c>, <c>--volumes-from</c> and what its image declares.</summary>
internal sealed class MountResolver(IVolumeStore volumes, Func<string, Container> find)
{
    /// <summary>Resolves all of them; volumes are made where they are missing.</summary>
    /// <exception cref="ApiException">400: a specification is invalid, or two want one place.</exception>
    public List<MountRecord> Resolve(ContainerConfig config, HostConfig host, string containerId)
    {
        Dictionary<string, MountRecord> mounts = [];
        HashSet<string> own = [];
        foreach (string from in host.VolumesFrom ?? [])
            AddFrom(from, mounts);
        foreach (string bind in host.Binds ?? [])
            Add(mounts, own, ParseBind(bind, host.VolumeDriver));
        foreach (MountSpec spec in host.Mounts ?? [])
            Add(mounts, own, FromSpec(spec));
        foreach (string destination in config.Volumes?.Keys ?? Enumerable.Empty<string>())
        {
            string clean = Clean(destination);
            if (!mounts.ContainsKey(clean) && host.Tmpfs?.ContainsKey(clean) != true)
                mounts[clean] = new MountRecord { Type = "volume", Destination = clean, CopyData = true, Anonymous = true };
        }
        foreach (MountRecord mount in mounts.Values)
        {
            if (mount.Type == "volume")
                CreateVolume(mount, host.VolumeDriver);
            else if (mount.Type == "bind" && !mount.CreateSource && !Path.Exists(mount.Source))
                throw ApiException.BadRequest($"invalid mount config for type \"bind\": bind source path does not exist: {mount.Source}");
        }
        return [.. mounts.Values.OrderBy(m => m.Destination, StringComparer.Ordinal)];
    }

    /// <summary>Reads <c>SOURCE:DESTINATION[:MODE]</c> or <c>DESTINATION</c>.</summary>
    /// <exception cref="ApiException">400: it is none.</exception>
    public static MountRecord ParseBind(string spec, string driver = "")
    {
        string[] parts = spec.Split(':');
        if (parts.Length is 0 or > 3 || parts.Any(p => p.Length == 0))
            throw ApiException.BadRequest($"invalid volume specification: '{spec}'");
        if (parts.Length == 1)
            return new MountRecord { Type = "volume", Destination = Absolute(spec, parts[0]), CopyData = true, Anonymous = true, Driver = driver };
        MountRecord mount = new() { Destination = Absolute(spec, parts[1]), Mode = parts.Length == 3 ? parts[2] : "" };
        if (parts[0][0] == '/')
        {
            mount.Type = "bind";
            mount.Source = Clean(parts[0]);
            mount.Propagation = "rprivate";
            mount.CreateSource = true;
        }
        else
        {
            if (parts[0].Length < 2 || !NameGenerator.IsValid(parts[0]))
                throw ApiException.BadRequest($"create {parts[0]}: \"{parts[0]}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path");
            mount.Type = "volume";
            mount.Name = parts[0];
            mount.CopyData = true;
            mount.Driver = driver;
            if (mount.Mode.Length == 0)
                mount.Mode = "z";
        }
        foreach (string mode in parts.Length == 3 ? parts[2].Split(',') : [])
            ApplyMode(mount, mode);
        if (mount.Destination == "/")
            throw ApiException.BadRequest($"invalid volume specification: '{spec}': invalid mount config for type \"{mount.Type}\": invalid specification: destination can't be '/'");
        return mount;
    }

    private static void ApplyMode(MountRecord mount, string mode)
    {
        switch (mode)
        {
            case "rw":
                mount.Writable = true;
                break;
            case "ro" or "readonly":
                mount.Writable = false;
                break;
            case "z" or "Z" or "consistent" or "cached" or "delegated" or "default":
                break;
            case "nocopy" when mount.Type == "volume":
                mount.CopyData = false;
                break;
            case "private" or "rprivate" or "shared" or "rshared" or "slave" or "rslave" when mount.Type == "bind":
                mount.Propagation = mode;
                break;
            default:
                throw ApiException.BadRequest($"invalid mode: {mode}");
        }
    }

    private static MountRecord FromSpec(MountSpec spec)
    {
        string target = spec.Target ?? "", source = spec.Source ?? "", type = spec.Type ?? "";
        if (target.Length == 0)
            throw Invalid("field Target must not be empty");
        if (target[0] != '/')
            throw Invalid($"invalid mount path: '{target}' mount path must be absolute");
        target = Clean(target);
        if (target == "/")
            throw Invalid("invalid specification: destination can't be '/'");
        MountRecord mount = new() { Type = type, Destination = target, Writable = !spec.ReadOnly };
        switch (type)
        {
            case "bind":
                if (source.Length == 0)
                    throw Invalid("field Source must not be empty");
                if (source[0] != '/')
                    throw Invalid($"invalid mount path: '{source}' mount path must be absolute");
                mount.Source = Clean(source);
                mount.Propagation = string.IsNullOrEmpty(spec.BindOptions?.Propagation) ? "rprivate" : spec.BindOptions.Propagation;
                mount.NonRecursive = spec.BindOptions?.NonRecursive ?? false;
                mount.CreateSource = spec.BindOptions?.CreateMountpoint ?? false;
                break;
            case "volume":
                mount.Name = source;
                mount.Anonymous = source.Length == 0;
                mount.CopyData = spec.VolumeOptions?.NoCopy != true;
                mount.Driver = spec.VolumeOptions?.DriverConfig?.Name ?? "";
                mount.Subpath = spec.VolumeOptions?.Subpath ?? "";
                mount.Mode = "z";
                break;
            case "tmpfs":
                List<string> options = [];
                if (spec.TmpfsOptions is { SizeBytes: > 0 } sized)
                    options.Add("size=" + sized.SizeBytes.ToString(System.Globalization.CultureInfo.InvariantCulture));
                if (spec.TmpfsOptions is { Mode: > 0 } moded)
                    options.Add("mode=" + Convert.ToString(moded.Mode, 8));
                foreach (List<string> option in spec.TmpfsOptions?.Options ?? [])
                    options.Add(string.Join('=', option));
                mount.TmpfsOptions = string.Join(',', options);
                break;
            default:
                throw Invalid("mount type unknown");
        }
        return mount;

        ApiException Invalid(string why) => ApiException.BadRequest($"invalid mount config for type \"{type}\": {why}");
    }

    private void AddFrom(string spec, Dictionary<string, MountRecord> mounts)
    {
        string[] parts = spec.Split(':', 2);
        bool readOnly = parts.Length == 2 && parts[1].Split(',').Contains("ro");
        foreach (MountRecord from in find(parts[0]).Record.Mounts)
        {
            if (from.Type == "tmpfs")
                continue;
            mounts[from.Destination] = new MountRecord
            {
                Type = from.Type,
                Name = from.Name,
                Source = from.Source,
                Destination = from.Destination,
                Driver = from.Driver,
                Mode = parts.Length == 2 ? parts[1] : from.Mode,
                Writable = from.Writable && !readOnly,
                Propagation = from.Propagation,
                CreateSource = true,
            };
        }
    }

    // What the container says itself stands over what it takes from others.
    private static void Add(Dictionary<string, MountRecord> mounts, HashSet<string> own, MountRecord mount)
    {
        if (mount.Destination == "/")
            throw ApiException.BadRequest("invalid volume specification: destination can't be '/'");
        if (!own.Add(mount.Destination))
            throw ApiException.BadRequest($"Duplicate mount point: {mount.Destination}");
        mounts[mount.Destination] = mount;
    }

    private void CreateVolume(MountRecord mount, string driver)
    {
        (Volume volume, _) = volumes.Create(new VolumeCreateRequest { Name = mount.Name, Driver = mount.Driver.Length > 0 ? mount.Driver : driver });
        mount.Name = volume.Name;
        mount.Driver = volume.Driver;
        mount.Source = volume.Mountpoint;
    }

    private static string Absolute(string spec, string path)
    {
        if (path[0] != '/')
            throw ApiException.BadRequest($"invalid volume specification: '{spec}': invalid mount path: '{path}' mount path must be absolute");
        return Clean(path);
    }

    private static string Clean(string path)
    {
        string full = Path.GetFullPath(path, "/");
        return full.Length > 1 ? full.TrimEnd('/') : full;
    }
}
