using System.Buffers;
using System.Text;
using System.Text.Json;
using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;
using AotRuntime.Json;
using AotRuntime.Linux;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Volumes;

/// <summary>
/// Local volumes, in Docker's own layout: <c>volumes/NAME/_data</c> is the content; <c>volumes/NAME/volume.json</c> is the record. A
/// volume appears and goes by one rename of its folder; folders whose names begin with a dot are half-made or half-removed ones.
/// Thread-safe.
/// </summary>
public sealed partial class VolumeStore : IVolumeStore
{
    /// <summary>Label of a volume that got its name from the daemon.</summary>
    public const string AnonymousLabel = "com.docker.volume.anonymous";

    /// <summary>NAME_MAX, less the dot of a half-made folder.</summary>
    private const int MaxName = 254;
    private static readonly SearchValues<char> s_nameChars = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _volumes = new(StringComparer.Ordinal);
    private readonly ILogger _log;
    private readonly string _root;

    /// <summary>Opens the store at <c>DATA-ROOT/volumes</c>. A record that can't be read costs the labels, never the volume.</summary>
    public VolumeStore(string root, ILogger log)
    {
        _root = root;
        _log = log;
        // Docker's modes: content is for whom the container's processes are, the list of volumes is not.
        Directory.CreateDirectory(root, (UnixFileMode)0x1C9);
        HashSet<string> mounts = [.. MountTable.Points()];
        foreach (string dir in Directory.EnumerateDirectories(root))
        {
            string name = Path.GetFileName(dir);
            if (name.StartsWith('.'))
                Directory.Delete(dir, recursive: true);
            else if (Directory.Exists(Data(name)))
                _volumes[name] = new Entry(ReadRecord(name)) { Mounted = mounts.Contains(Data(name)) };
        }
    }

    /// <inheritdoc/>
    public (Volume Volume, bool Created) Create(VolumeCreateRequest request)
    {
        if (request.Driver is not ("" or "local"))
            throw ApiException.NotFound($"error looking up volume plugin {request.Driver}: plugin \"{request.Driver}\" not found");
        Dictionary<string, string> labels = new(request.Labels ?? []);
        string name = request.Name;
        if (name.Length == 0)
        {
            name = RandomSource.Hex(32);
            labels[AnonymousLabel] = "";
        }
        CheckName(name);
        CheckOptions(request.DriverOpts);
        lock (_gate)
        {
            if (_volumes.TryGetValue(name, out Entry? present))
            {
                if (request.DriverOpts is { Count: > 0 } options && !Same(options, present.Record.Options))
                    throw ApiException.Conflict($"create {name}: conflict: volume already exists with different options");
                return (Describe(name, present), false);
            }
            Entry entry = new(new VolumeRecord
            {
                CreatedAt = GoTime.Format(DateTimeOffset.UtcNow),
                Labels = labels.Count == 0 ? null : labels,
                Options = request.DriverOpts is { Count: > 0 } ? request.DriverOpts : null,
            });
            string half = Path.Combine(_root, "." + name);
            Directory.CreateDirectory(Path.Combine(half, "_data"));
            WriteSynced(Path.Combine(half, "volume.json"), JsonText.ToBytes(entry.Record, VolumeJsonContext.VolumeRecord));
            Directory.Move(half, Path.Combine(_root, name));
            SyncDirectory(_root);
            _volumes[name] = entry;
            return (Describe(name, entry), true);
        }
    }

    /// <inheritdoc/>
    public Volume? Find(string name)
    {
        lock (_gate)
            return _volumes.TryGetValue(name, out Entry? entry) ? Describe(name, entry) : null;
    }

    /// <inheritdoc/>
    public IReadOnlyList<Volume> List()
    {
        lock (_gate)
            return [.. _volumes.OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => Describe(v.Key, v.Value))];
    }

    /// <inheritdoc/>
    public void Remove(string name, bool force)
    {
        string gone = Path.Combine(_root, "." + name);
        lock (_gate)
        {
            if (!_volumes.TryGetValue(name, out Entry? entry))
            {
                if (force)
                    return;
                throw ApiException.NotFound($"get {name}: no such volume");
            }
            if (entry.Mounted)
            {
                Sys.Unmount(Data(name), 0);
                entry.Mounted = false;
            }
            Directory.Move(Path.Combine(_root, name), gone);
            SyncDirectory(_root);
            _volumes.Remove(name);
        }
        Directory.Delete(gone, recursive: true);
    }

    /// <inheritdoc/>
    public long Size(string name) =>
        Directory.Exists(Data(name))
            ? new DirectoryInfo(Data(name)).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }).Sum(f => f.Length)
            : -1;

    /// <inheritdoc/>
    public ValueTask<string> MountAsync(string name, string containerId, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (!_volumes.TryGetValue(name, out Entry? entry))
                throw ApiException.NotFound($"get {name}: no such volume");
            entry.Users.Add(containerId);
            if (entry.Record.Options is { } options && options.TryGetValue("device", out string? device) && !entry.Mounted)
            {
                MountOptions flags = MountOptions.Parse(options.GetValueOrDefault("o", "").Split(',', StringSplitOptions.RemoveEmptyEntries));
                try
                {
                    Sys.Mount(device, Data(name), options.GetValueOrDefault("type", ""), flags.Flags, flags.Data);
                }
                catch (LinuxException e)
                {
                    entry.Users.Remove(containerId);
                    throw ApiException.Internal($"error while mounting volume '{Data(name)}': failed to mount local volume: mount {device}:{Data(name)}: {e.Errno.Text()}", e);
                }
                entry.Mounted = true;
            }
        }
        return ValueTask.FromResult(Data(name));
    }

    /// <inheritdoc/>
    public ValueTask UnmountAsync(string name, string containerId, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (_volumes.TryGetValue(name, out Entry? entry) && entry.Users.Remove(containerId) && entry.Users.Count == 0 && entry.Mounted)
            {
                Sys.Unmount(Data(name), 0);
                entry.Mounted = false;
            }
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask PopulateAsync(string name, string rootfs, string path, CancellationToken cancellationToken = default)
    {
        using SafeFileHandle target = OpenDirectory(Data(name));
        if (Sys.ReadDirectoryNames(target).Count > 0)
            return ValueTask.CompletedTask;
        using SafeFileHandle root = OpenDirectory(rootfs);
        Errno errno = Sys.TryOpenAt2(root, Encoding.UTF8.GetBytes(path + "\0"), OpenFlags.ReadOnly | OpenFlags.Directory, 0,
            ResolveFlags.InRoot | ResolveFlags.NoMagicLinks, out SafeFileHandle? source);
        if (errno is Errno.ENOENT or Errno.ENOTDIR)
            return ValueTask.CompletedTask;
        if (errno != Errno.None)
            throw new LinuxException("openat2", path, errno);
        using (source)
        {
            // The names were read from this descriptor's offset on; the copy starts anew.
            using SafeFileHandle fresh = OpenDirectory(Data(name));
            TreeCopy.Run(source!, fresh);
        }
        return ValueTask.CompletedTask;
    }

    private string Data(string name) => Path.Combine(_root, name, "_data");

    private Volume Describe(string name, Entry entry) => new()
    {
        Name = name,
        CreatedAt = entry.Record.CreatedAt,
        Mountpoint = Data(name),
        Labels = entry.Record.Labels,
        Options = entry.Record.Options,
    };

    private static void CheckName(string name)
    {
        if (name.Length is < 2 or > MaxName || !char.IsAsciiLetterOrDigit(name[0]) || name.AsSpan().ContainsAnyExcept(s_nameChars))
            throw ApiException.BadRequest($"create {name}: \"{name}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path");
    }

    private static void CheckOptions(Dictionary<string, string>? options)
    {
        if (options is null)
            return;
        foreach (string key in options.Keys)
        {
            if (key is not ("type" or "o" or "device"))
                throw ApiException.BadRequest($"invalid option: \"{key}\"");
        }
        if (options.Count > 0 && !options.ContainsKey("device"))
            throw ApiException.BadRequest("missing required option: \"device\"");
    }

    private static bool Same(Dictionary<string, string> a, Dictionary<string, string>? b) =>
        b is not null && a.Count == b.Count && a.All(o => b.TryGetValue(o.Key, out string? value) && value == o.Value);

    private VolumeRecord ReadRecord(string name)
    {
        string file = Path.Combine(_root, name, "volume.json");
        try
        {
            return JsonText.Parse(File.ReadAllBytes(file), VolumeJsonContext.VolumeRecord) ?? new VolumeRecord();
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            LogBadRecord(name, e.Message);
            return new VolumeRecord { CreatedAt = GoTime.Format(Directory.GetCreationTimeUtc(Data(name))) };
        }
    }

    private static void WriteSynced(string file, byte[] content)
    {
        using SafeFileHandle handle = File.OpenHandle(file, FileMode.Create, FileAccess.Write);
        RandomAccess.Write(handle, content, 0);
        RandomAccess.FlushToDisk(handle);
    }

    private static void SyncDirectory(string path)
    {
        using SafeFileHandle dir = OpenDirectory(path);
        Sys.Fsync(dir, path);
    }

    private static SafeFileHandle OpenDirectory(string path) => Sys.Open(path, OpenFlags.ReadOnly | OpenFlags.Directory);

    [LoggerMessage(Level = LogLevel.Error, Message = "the record of volume {name} can't be read, its labels and options are lost: {reason}")]
    private partial void LogBadRecord(string name, string reason);

    private sealed class Entry(VolumeRecord record)
    {
        public VolumeRecord Record { get; } = record;

        public HashSet<string> Users { get; } = [];

        public bool Mounted { get; set; }
    }
}
