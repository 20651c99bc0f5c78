using AotRuntime.Http;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Shim.Events;
using AotRuntime.Shim.Tasks;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Shim;

/// <summary>The serving process: lives as long as its containers do, whatever happens to containerd.</summary>
internal static class ShimServer
{
    /// <summary>The socket that <c>start</c> made, as this process inherits it.</summary>
    private const int InheritedSocket = 3;

    // The answer to Shutdown has to leave before the process does.
    private static readonly TimeSpan Farewell = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan EventsPatience = TimeSpan.FromSeconds(5);

    /// <summary>Serves until it is told to shut down.</summary>
    public static int Run(ShimOptions options)
    {
        // A client that goes away is an error of write(2), not the end.
        Sys.IgnoreSignal(Sys.SIGPIPE);
        Sys.Prctl(Sys.PR_SET_CHILD_SUBREAPER, 1);
        ILogger log = ShimLog.Open(options.Debug);
        return RunAsync(options, log).GetAwaiter().GetResult();
    }

    private static async Task<int> RunAsync(ShimOptions options, ILogger log)
    {
        string? address = File.Exists("address") ? await File.ReadAllTextAsync("address").ConfigureAwait(false) : null;
        using var stopping = new CancellationTokenSource();
        var shutdown = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var publisher = new EventPublisher(Environment.GetEnvironmentVariable("TTRPC_ADDRESS"), options.Namespace, log);
        var table = new RpcServiceTable();
        new TaskService(options.Namespace, new TaskEvents(publisher), log, () => shutdown.TrySetResult()).Register(table);

        await using TransportListener listener = options.Socket.Length > 0 ? Transport.ListenUnix(options.Socket) : Transport.ListenFd(InheritedSocket);
        Task serving = new TtrpcServer(table).RunAsync(listener, stopping.Token);
        ShimLog.Serving(log);
        await Task.WhenAny(serving, shutdown.Task).ConfigureAwait(false);

        await publisher.CloseAsync(EventsPatience).ConfigureAwait(false);
        await Task.Delay(Farewell).ConfigureAwait(false);
        if (address is not null && address.StartsWith("unix:///", StringComparison.Ordinal))
            File.Delete(address["unix://".Length..]);
        await stopping.CancelAsync().ConfigureAwait(false);
        ShimLog.Stopped(log);
        return 0;
    }
}
