using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using AotRuntime.Containerd.Shims;
using AotRuntime.Http;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Storage;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Containerd;

/// <summary>Puts the daemon together, runs it, and takes it apart again.</summary>
internal sealed partial class ContainerdDaemon : IAsyncDisposable
{
    private static readonly TimeSpan s_drain = TimeSpan.FromSeconds(1);

    private readonly ContainerdConfig _config;
    private readonly ILogger _logger;
    private readonly FileStream _lock;
    private readonly MetadataStore _metadata;
    private readonly GarbageCollector _collector;
    private readonly ShimManager _shims;
    private readonly ContainersService _containers;
    private readonly EventExchange _events = new();
    private readonly RpcServiceTable _grpc = new();
    private readonly RpcServiceTable _ttrpc = new();

    private ContainerdDaemon(ContainerdConfig config, ILogger logger, bool debug)
    {
        _config = config;
        _logger = logger;
        string root = OwnRoot(config.Root);
        if (root != config.Root)
        {
            LogForeign(logger, config.Root, root);
            config.Root = root;
        }
        MakeFolder(config.Root);
        // Nobody but root has business with blobs and snapshots (CVE-2024-25621); an older, passable folder is closed too.
        File.SetUnixFileMode(config.Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        MakeFolder(config.State);
        _lock = LockRoot(config.Root);

        _metadata = new MetadataStore(DatabaseIn(config.Root));
        Database database = _metadata.Database;
        if (database.SetAside is not null)
            LogSetAside(logger, database.SetAside, database.SetAsideReason);
        ContentStore content = new(Path.Combine(config.Root, "io.containerd.content.v1.content"));
        _collector = new GarbageCollector(_metadata, content, _events, logger);

        // Blobs and snapshots without any record are no leftovers to sweep away: the database was lost, or emptied by a power cut.
        List<SnapshotStore> snapshotters = Snapshotters(recordsLost: database.IsNew, out List<(string, string)> failed);
        _collector.Snapshotters = snapshotters;
        if (database.IsNew && database.SetAside is null && content.Blobs().Any())
        {
            File.WriteAllText($"{database.Path}.lost-{DateTime.UtcNow.ToString("yyyyMMddTHHmmss", CultureInfo.InvariantCulture)}", "");
            LogLost(logger, database.Path);
        }
        _collector.CleanUp(keepBlobs: LostRecordsOnce(Path.GetDirectoryName(database.Path)!));

        _shims = new ShimManager(
            Path.Combine(config.State, "io.containerd.runtime.v2.task"), Path.Combine(config.Root, "io.containerd.runtime.v2.task"),
            new ShimCommand(config.Address, config.TtrpcAddress, debug), _events, logger);

        ContentService contents = new(_metadata, content, _events, _collector);
        _containers = new ContainersService(_metadata, _events, _collector);
        EventsService events = new(_events);
        GrpcHealth.AddTo(_grpc);
        GrpcReflection.AddTo(_grpc);
        VersionService.Register(_grpc);
        new IntrospectionService(config.Root, _shims, snapshotters.Select(s => s.Name), failed).Register(_grpc);
        new NamespacesService(_metadata, _events).Register(_grpc);
        contents.Register(_grpc);
        new ImagesService(_metadata, _events, _collector).Register(_grpc);
        new SnapshotsService(snapshotters, _events, _collector).Register(_grpc);
        new DiffService(contents, content, logger).Register(_grpc);
        new LeasesService(_metadata, _collector).Register(_grpc);
        _containers.Register(_grpc);
        new TasksService(_containers, _shims).Register(_grpc);
        events.Register(_grpc);
        events.RegisterTtrpc(_ttrpc);
    }

    /// <summary>Runs until SIGTERM or SIGINT; gives the exit code. Containers run on.</summary>
    public static async Task<int> RunAsync(ContainerdConfig config, ILogger logger, bool debug)
    {
        long started = Stopwatch.GetTimestamp();
        // Handlers wait for disks; two cores' worth of threads would have the next call wait for them.
        ThreadPool.GetMinThreads(out _, out int completion);
        ThreadPool.SetMinThreads(16, completion);
        using CancellationTokenSource stop = new();
        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        // A lost terminal or a closed log pipe is no reason to go.
        using PosixSignalRegistration hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => context.Cancel = true);
        using AdoptedChildren adopted = new();
        LogStarting(logger, VersionService.Version);
        if (config.Unknown.Count > 0)
            LogUnknown(logger, string.Join(", ", config.Unknown));
        try
        {
            await using ContainerdDaemon daemon = new(config, logger, debug);
            await daemon.ServeAsync(started, stop.Token).ConfigureAwait(false);
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
        {
            await Console.Error.WriteLineAsync($"containerd: {e.Message}").ConfigureAwait(false);
            return 1;
        }

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _shims.DisposeAsync().ConfigureAwait(false);
        await _collector.DisposeAsync().ConfigureAwait(false);
        _metadata.Dispose();
        await _lock.DisposeAsync().ConfigureAwait(false);
    }

    private async Task ServeAsync(long started, CancellationToken stopping)
    {
        AdjustOomScore();
        // Shims that died report through ttrpc as living ones do: listen before loading.
        await using TransportListener ttrpcListener = Listen(_config.TtrpcAddress);
        Task ttrpc = new TtrpcServer(_ttrpc).RunAsync(ttrpcListener, stopping);
        await _shims.LoadAsync(
            (ns, id) => _metadata.Database.Read(s => _metadata.Containers.Get(s, ns, id))?.Runtime?.Name,
            shim => _containers.Adopt(shim.Namespace, shim.Id, shim.Bundle.ReadSpec())).ConfigureAwait(false);

        await using TransportListener grpcListener = Listen(_config.Address);
        HttpServer server = new(new GrpcServer(_grpc).HandleAsync);
        using CancellationTokenRegistration end = stopping.Register(_events.Close);
        Task grpc = server.RunAsync(grpcListener, stopping, s_drain);
        LogServing(_logger, _config.Address);
        LogServing(_logger, _config.TtrpcAddress);
        SystemdNotify.Send("READY=1");
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        LogBooted(_logger, seconds.ToString("0.000000", CultureInfo.InvariantCulture));
        _collector.Schedule();

        // A server that ends before it was told to takes the daemon down with its error.
        await await Task.WhenAny(grpc, ttrpc).ConfigureAwait(false);
        SystemdNotify.Send("STOPPING=1");
        await Task.WhenAll(grpc, ttrpc).ConfigureAwait(false);
    }

    private TransportListener Listen(string path)
    {
        string folder = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(folder))
            MakeFolder(folder);
        TransportListener listener = Transport.ListenUnix(
            path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, _config.Gid);
        if (_config.Uid != 0)
            Sys.Chown(path, _config.Uid, _config.Gid);
        return listener;
    }

    private List<SnapshotStore> Snapshotters(bool recordsLost, out List<(string Name, string Reason)> failed)
    {
        failed = [];
        List<SnapshotStore> snapshotters = [];
        string overlayRoot = Path.Combine(_config.Root, "io.containerd.snapshotter.v1.overlayfs");
        Directory.CreateDirectory(overlayRoot, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (IsDisabled("io.containerd.snapshotter.v1.overlayfs"))
            failed.Add(("overlayfs", "disabled by the configuration"));
        else if (OverlayDriver.IsSupported(overlayRoot, out string reason))
            Add(new OverlayDriver(overlayRoot));
        else
        {
            LogNoOverlay(_logger, reason);
            failed.Add(("overlayfs", reason));
        }
        if (!IsDisabled("io.containerd.snapshotter.v1.native"))
            Add(new NativeDriver(Path.Combine(_config.Root, "io.containerd.snapshotter.v1.native")));
        return snapshotters;

        void Add(SnapshotDriver driver)
        {
            if (recordsLost)
                driver.SetAside();
            snapshotters.Add(new SnapshotStore(_metadata, driver));
        }

        bool IsDisabled(string plugin) => _config.DisabledPlugins.Contains(plugin);
    }

    private static string DatabaseIn(string root) => Path.Combine(root, "io.containerd.metadata.v1.sqlite", "meta.db");

    /// <summary>
    /// A folder of our own where the root is the original containerd's: each of the two would take the other's blobs and snapshots,
    /// which it has no records of, for garbage.
    /// </summary>
    private static string OwnRoot(string root)
    {
        string own = Path.Combine(root, "aotruntime");
        bool foreign = Directory.Exists(Path.Combine(root, "io.containerd.metadata.v1.bolt")) && !File.Exists(DatabaseIn(root));
        return foreign || File.Exists(DatabaseIn(own)) ? own : root;
    }

    private static bool LostRecordsOnce(string folder) => Directory.EnumerateFileSystemEntries(folder)
        .Any(f => f.Contains(".corrupt-", StringComparison.Ordinal) || f.Contains(".lost-", StringComparison.Ordinal));

    private static FileStream LockRoot(string root)
    {
        string path = Path.Combine(root, "containerd.lock");
        try
        {
            // FileShare.None takes flock(2): the kernel lets go of it however we end.
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"{root} is in use by another containerd, or {path} cannot be written", e);
        }
    }

    private void AdjustOomScore()
    {
        if (_config.OomScore == 0)
            return;
        try
        {
            File.WriteAllText("/proc/self/oom_score_adj", _config.OomScore.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogOom(_logger, e);
        }
    }

    private static void MakeFolder(string path)
    {
        if (Directory.Exists(path))
            return;
        Directory.CreateDirectory(path);
        // Root of a container with remapped users must pass through to its rootfs, but not look around.
        File.SetUnixFileMode(
            path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }

#pragma warning disable SYSLIB1015 // Values outside the text become fields of the line.
    [LoggerMessage(Level = LogLevel.Information, Message = "starting containerd")]
    private static partial void LogStarting(ILogger logger, string version);

    [LoggerMessage(Level = LogLevel.Information, Message = "serving...")]
    private static partial void LogServing(ILogger logger, string address);

    [LoggerMessage(Level = LogLevel.Information, Message = "containerd successfully booted in {Seconds}s")]
    private static partial void LogBooted(ILogger logger, string seconds);

    [LoggerMessage(Level = LogLevel.Debug, Message = "configuration keys without a meaning here")]
    private static partial void LogUnknown(ILogger logger, string keys);

    [LoggerMessage(Level = LogLevel.Error, Message = "the metadata database could not be read and was set aside; starting with an empty one")]
    private static partial void LogSetAside(ILogger logger, string file, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the root folder has the store of another containerd, which is left alone")]
    private static partial void LogForeign(ILogger logger, string root, string instead);

    [LoggerMessage(Level = LogLevel.Error, Message = "the metadata database is missing or empty though there are blobs; they are kept, and snapshots are set aside")]
    private static partial void LogLost(ILogger logger, string file);

    [LoggerMessage(Level = LogLevel.Warning, Message = "overlayfs is not usable here")]
    private static partial void LogNoOverlay(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "could not set the OOM score")]
    private static partial void LogOom(ILogger logger, Exception error);
#pragma warning restore SYSLIB1015
}
