using System.Runtime.InteropServices;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Config;
using AotRuntime.Dockerd.Containerd;
using AotRuntime.Dockerd.Containers;
using AotRuntime.Dockerd.Events;
using AotRuntime.Dockerd.Host;
using AotRuntime.Dockerd.Oci;
using AotRuntime.Http;
using AotRuntime.Rpc;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd;

/// <summary>The daemon from start to end.</summary>
internal sealed partial class Daemon(DaemonOptions options, ILogger log)
{
    private static readonly TimeSpan s_drain = TimeSpan.FromSeconds(5);

    /// <summary>Runs until SIGTERM or SIGINT.</summary>
    /// <exception cref="ConfigException">It can't be started so.</exception>
    public async Task<int> RunAsync()
    {
        using CancellationTokenSource stopping = new();
        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, static context => context.Cancel = true);

        LogStarting(log);
        SeccompProfile? seccomp = SeccompChoice.OfDaemon(options);
        MakeFolders();
        using Pidfile? pidfile = Pidfile.Create(options.Pidfile);
        IReadOnlyList<TransportListener> listeners = Listeners.Open(options, log);
        string address = options.Containerd.Length > 0
            ? options.Containerd.StartsWith("unix://", StringComparison.Ordinal) ? options.Containerd["unix://".Length..] : options.Containerd
            : Path.Combine(options.ExecRoot, "containerd", "containerd.sock");
        await using ContainerdClient client = new(RpcChannels.GrpcUnix(address), options.ContainerdNamespace);
        ContainerdSupervisor? supervisor = options.Containerd.Length == 0
            ? new ContainerdSupervisor(options.ExecRoot, options.DataRoot, options.Debug ? "debug" : options.LogLevel, log)
            : null;
        try
        {
            if (supervisor is not null)
                await supervisor.StartAsync(client, stopping.Token).ConfigureAwait(false);
            else
                await ContainerdSupervisor.WaitReadyAsync(client, stopping.Token).ConfigureAwait(false);
            await ServeAsync(client, listeners, seccomp, stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            LogStopped(log);
        }
        finally
        {
            foreach (TransportListener listener in listeners)
                await listener.DisposeAsync().ConfigureAwait(false);
            if (supervisor is not null)
                await supervisor.DisposeAsync().ConfigureAwait(false);
        }
        LogStopped(log);
        return 0;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            LogSignal(log, context.Signal == PosixSignal.SIGTERM ? "terminated" : "interrupt");
            // Off the signal thread: cancelling runs whatever waits for it.
            _ = Task.Run(stopping.Cancel);
        }
    }

    private async Task ServeAsync(ContainerdClient client, IReadOnlyList<TransportListener> listeners, SeccompProfile? seccomp, CancellationTokenSource stopping)
    {
        EventBus events = new();
        Images.ImageStore images = Parts.CreateImages(options, client, events);
        await images.RecoverAsync(stopping.Token).ConfigureAwait(false);
        DaemonServices services = new()
        {
            Options = options,
            Log = log,
            Containerd = client,
            Events = events,
            Images = images,
            Networks = Parts.CreateNetworks(options, DaemonId(), log),
            Volumes = Parts.CreateVolumes(options, log),
            Seccomp = seccomp,
        };
        using ContainerManager containers = new(services);
        await containers.RestoreAsync(stopping.Token).ConfigureAwait(false);
        // Exits must be heard of until the last container is stopped, long after the daemon was told to stop.
        using CancellationTokenSource hearing = new();
        Task tasks = new TaskEvents(client, containers, log).RunAsync(hearing.Token);

        List<string> warnings = Warnings();
        foreach (TransportListener listener in listeners)
        {
            if (listener.Address.StartsWith("tcp://", StringComparison.Ordinal) && !options.Tls && !options.TlsVerify)
                warnings.Add($"WARNING: API is accessible on http://{Shown(listener.Address)} without encryption: whoever reaches it is root on this host (see --tlsverify)");
        }
        foreach (string warning in warnings)
            LogWarning(log, warning);
        SystemReport report = new(services, containers, DaemonId(), warnings);
        Router router = new();
        new SystemRoutes(services, report).Map(router);
        new ContainerRoutes(services, containers).Map(router);
        new StreamRoutes(containers).Map(router);
        new ArchiveRoutes(containers).Map(router);
        new ImageRoutes(services, containers).Map(router);
        new NetworkRoutes(services, containers).Map(router);
        ApiServer api = new(router, log);
        HttpServer server = new(api.HandleAsync, new HttpServerOptions { OnError = e => LogConnection(log, e) });
        using CancellationTokenSource closing = new();
        Task[] serving = [.. listeners.Select(l => server.RunAsync(l, closing.Token, s_drain))];
        LogReady(log);
        foreach (TransportListener listener in listeners)
            LogListen(log, Shown(listener.Address));
        Notify.Ready();
        _ = containers.StartByPolicyAsync();

        try
        {
            await Task.Delay(Timeout.Infinite, stopping.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            LogShutdown(log);
        }
        await containers.ShutdownAsync().ConfigureAwait(false);
        await closing.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(serving).ConfigureAwait(false);
        await services.Networks.StopAsync(options.LiveRestore).ConfigureAwait(false);
        await hearing.CancelAsync().ConfigureAwait(false);
        await tasks.ConfigureAwait(false);
    }

    private void MakeFolders()
    {
        // Others must not get at the containers' files, setuid programs among them (CVE-2021-41091); an older folder is closed too.
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(options.DataRoot);
        File.SetUnixFileMode(options.DataRoot, owner | UnixFileMode.GroupExecute);
        Directory.CreateDirectory(options.ExecRoot, owner);
        Directory.CreateDirectory(Path.Combine(options.ExecRoot, "rootfs"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>An id that stays the same for one data root.</summary>
    private string DaemonId()
    {
        string path = Path.Combine(options.DataRoot, "engine-id");
        if (File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } id)
            return id;
        id = Guid.NewGuid().ToString();
        File.WriteAllText(path, id);
        return id;
    }

    private static List<string> Warnings()
    {
        List<string> warnings = [];
        if (!DaemonServices.CgroupV2 && !File.Exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"))
            warnings.Add("WARNING: No swap limit support");
        return warnings;
    }

    private static string Shown(string address) => address.StartsWith("unix://", StringComparison.Ordinal) ? address["unix://".Length..]
        : address.StartsWith("tcp://", StringComparison.Ordinal) ? address["tcp://".Length..]
        : address;

    [LoggerMessage(Level = LogLevel.Information, Message = "Starting up")]
    private static partial void LogStarting(ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "Daemon has completed initialization")]
    private static partial void LogReady(ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "API listen on {address}")]
    private static partial void LogListen(ILogger log, string address);

    [LoggerMessage(Level = LogLevel.Information, Message = "Processing signal '{signal}'")]
    private static partial void LogSignal(ILogger log, string signal);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Shutting down")]
    private static partial void LogShutdown(ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "Daemon shutdown complete")]
    private static partial void LogStopped(ILogger log);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{warning}")]
    private static partial void LogWarning(ILogger log, string warning);

    [LoggerMessage(Level = LogLevel.Debug, Message = "a connection failed")]
    private static partial void LogConnection(ILogger log, Exception error);
}
