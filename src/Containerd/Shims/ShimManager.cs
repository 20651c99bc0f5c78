using System.Collections.Concurrent;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Tasks;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Shim = AotRuntime.Rpc.Containerd.Shim;

namespace AotRuntime.Containerd;

/// <summary>
/// Starts, finds and buries shims. They live on when this daemon ends: all that is needed to find one again is in its bundle before
/// anyone hears of the task.
/// </summary>
internal sealed partial class ShimManager(
    string stateRoot, string workRoot, ShimCommand command, EventExchange events, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan s_cleanUpTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_shutdownTimeout = TimeSpan.FromSeconds(3);

    private readonly ConcurrentDictionary<(string Namespace, string Id), Entry> _shims = new();
    private readonly ConcurrentDictionary<(string Namespace, string Id), bool> _creating = new();
    private readonly ShimLogs _logs = new();
    private volatile bool _stopping;

    private sealed record Entry(ShimInstance Shim, IDisposable Log);

    /// <summary>The shim of a task; null where there is none.</summary>
    public ShimInstance? Find(string ns, string id) => _shims.TryGetValue((ns, id), out Entry? entry) ? entry.Shim : null;

    /// <summary>The shims of a namespace.</summary>
    public IEnumerable<ShimInstance> List(string ns) => _shims.Values.Select(e => e.Shim).Where(s => s.Namespace == ns);

    /// <summary>Starts a shim and has it create the task.</summary>
    /// <returns>The pid of the container's first process.</returns>
    public async Task<uint> CreateAsync(string ns, Container container, CreateTaskRequest request, CancellationToken cancelled)
    {
        (string, string) key = (ns, container.Id);
        if (!_creating.TryAdd(key, true))
            throw ContainerdError.AlreadyExists($"task {container.Id}");
        try
        {
            if (_shims.ContainsKey(key))
                throw ContainerdError.AlreadyExists($"task {container.Id}");
            cancelled.ThrowIfCancellationRequested();
            string binary = ShimCommand.Resolve(request.RuntimePath.Length > 0 ? request.RuntimePath : container.Runtime.Name);
            Bundle bundle = Bundle.Create(stateRoot, workRoot, ns, container.Id, container.Spec);
            try
            {
                // From here on the client's going away changes nothing: half a task would be worse than one too many.
                return await StartAsync(bundle, binary, container, request).ConfigureAwait(false);
            }
            catch
            {
                DeleteBundle(bundle);
                throw;
            }
        }
        finally
        {
            _creating.TryRemove(key, out _);
        }
    }

    /// <summary>Deletes an ended task and its shim.</summary>
    public async RpcAnswer<Shim.DeleteResponse> DeleteAsync(ShimInstance shim, CancellationToken cancelled)
    {
        await shim.Changing.WaitAsync(cancelled).ConfigureAwait(false);
        try
        {
            Shim.DeleteResponse? exit = null;
            RpcException? missing = null;
            try
            {
                exit = await shim.CallAsync(m => m.Delete, new Shim.DeleteRequest { Id = shim.Id }, CancellationToken.None).ConfigureAwait(false);
            }
            catch (RpcException e) when (e.Status == RpcStatus.NotFound && !shim.Leaving)
            {
                // The shim has no such task: nothing keeps it.
                missing = e;
            }
            await DismissAsync(shim).ConfigureAwait(false);
            return exit ?? throw missing!;
        }
        catch (RpcException e)
        {
            throw new RpcException(e.Status, $"failed to delete task: {e.Message}");
        }
        finally
        {
            shim.Changing.Release();
        }
    }

    /// <summary>At the start: finds the shims of an earlier run, and buries those that died meanwhile.</summary>
    /// <param name="runtimeOf">The runtime of a container, for bundles that do not tell.</param>
    /// <param name="found">Told of each shim that lives.</param>
    public async Task LoadAsync(Func<string, string, string?> runtimeOf, Action<ShimInstance> found)
    {
        Directory.CreateDirectory(stateRoot);
        Directory.CreateDirectory(workRoot);
        List<Bundle> bundles = [];
        foreach (string nsFolder in Directory.EnumerateDirectories(stateRoot))
        {
            foreach (string folder in Directory.EnumerateDirectories(nsFolder))
            {
                string id = Path.GetFileName(folder);
                if (id.StartsWith('.'))
                    Remove(folder); // being removed when the daemon died
                else
                    bundles.Add(new Bundle(Path.GetFileName(nsFolder), id, folder));
            }
        }
        await Parallel.ForEachAsync(
            bundles, new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (bundle, _) =>
            {
                try
                {
                    await LoadAsync(bundle, runtimeOf(bundle.Namespace, bundle.Id)).ConfigureAwait(false);
                    if (Find(bundle.Namespace, bundle.Id) is { } shim)
                        found(shim);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException or RpcException)
                {
                    // One bundle that cannot be made sense of must not keep the daemon from starting.
                    LogFailed(logger, e, "failed to load shim", bundle.Id, bundle.Namespace);
                }
            }).ConfigureAwait(false);
        RemoveOrphanedWork();
    }

    /// <summary>What a runtime says of itself (a RuntimeInfo message).</summary>
    public Task<byte[]> RuntimeInfoAsync(RuntimeRequest request, CancellationToken cancelled) => command.InfoAsync(
        ShimCommand.Resolve(request.RuntimePath.Length > 0 ? request.RuntimePath : "io.containerd.runc.v2"),
        request.Options?.ToByteArray() ?? [], cancelled);

    /// <summary>Notes that a shim did not answer where that is no failure.</summary>
    public void LogNoAnswer(ShimInstance shim, RpcException error) => LogNoAnswer(logger, error, shim.Id, shim.Namespace);

    /// <summary>Lets go of the shims; they live on.</summary>
    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        foreach (Entry entry in _shims.Values)
            await entry.Shim.DisposeAsync().ConfigureAwait(false);
        _logs.Dispose();
    }

    private async Task<uint> StartAsync(Bundle bundle, string binary, Container container, CreateTaskRequest request)
    {
        IDisposable log = _logs.Add(bundle.OpenLog());
        Any? options = request.Options is { Value.Length: > 0 } ? request.Options : container.Runtime.Options;
        ShimInstance shim;
        try
        {
            BootstrapReply reply = await command.StartAsync(binary, bundle, options, CancellationToken.None).ConfigureAwait(false);
            bundle.WriteShim(binary, reply);
            shim = await ShimInstance.ConnectAsync(bundle, binary, reply, CancellationToken.None).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            log.Dispose();
            throw new RpcException(e.Status, $"failed to start shim: {e.Message}");
        }
        catch
        {
            log.Dispose();
            throw;
        }

        Register(shim, log);
        Shim.CreateTaskRequest create = new()
        {
            Id = shim.Id,
            Bundle = bundle.Path,
            Stdin = request.Stdin,
            Stdout = request.Stdout,
            Stderr = request.Stderr,
            Terminal = request.Terminal,
            Options = options,
        };
        create.Rootfs.AddRange(request.Rootfs);
        try
        {
            Shim.CreateTaskResponse created = await shim.CallAsync(m => m.Create, create, CancellationToken.None).ConfigureAwait(false);
            return created.Pid;
        }
        catch (RpcException e)
        {
            await AbandonAsync(shim).ConfigureAwait(false);
            throw new RpcException(e.Status, $"failed to create shim task: {e.Message}");
        }
    }

    private void Register(ShimInstance shim, IDisposable log)
    {
        _shims[(shim.Namespace, shim.Id)] = new Entry(shim, log);
        _ = BuryWhenGoneAsync(shim);
    }

    private async Task BuryWhenGoneAsync(ShimInstance shim)
    {
        await shim.Gone.ConfigureAwait(false);
        if (shim.Leaving || _stopping)
            return;
        LogDisconnected(logger, shim.Id, shim.Namespace);
        try
        {
            await BuryAsync(shim.Bundle, shim.Binary).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or RpcException)
        {
            LogFailed(logger, e, "failed to clean up after shim disconnected", shim.Id, shim.Namespace);
        }
        await ForgetAsync(shim).ConfigureAwait(false);
    }

    /// <summary>Cleans up after a dead shim, and tells the world that its task has ended.</summary>
    private async Task BuryAsync(Bundle bundle, string binary)
    {
        Shim.DeleteResponse exit = new() { ExitStatus = 255, ExitedAt = Labels.Now() };
        try
        {
            exit = await command.DeleteAsync(binary, bundle, CancellationToken.None).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            LogFailed(logger, e, "failed to clean up after shim disconnected", bundle.Id, bundle.Namespace);
        }
        exit.ExitedAt ??= Labels.Now();
        events.Publish(bundle.Namespace, "/tasks/exit", TypeUrls.TaskExit, new TaskExit
        {
            ContainerId = bundle.Id,
            Id = bundle.Id,
            Pid = exit.Pid,
            ExitStatus = exit.ExitStatus,
            ExitedAt = exit.ExitedAt,
        });
        events.Publish(bundle.Namespace, "/tasks/delete", TypeUrls.TaskDelete, new TaskDelete
        {
            ContainerId = bundle.Id,
            Pid = exit.Pid,
            ExitStatus = exit.ExitStatus,
            ExitedAt = exit.ExitedAt,
        });
        DeleteBundle(bundle);
    }

    private async Task LoadAsync(Bundle bundle, string? runtime)
    {
        string binary;
        try
        {
            binary = bundle.ShimBinary ?? ShimCommand.Resolve(runtime ?? "io.containerd.runc.v2");
        }
        catch (RpcException e)
        {
            LogFailed(logger, e, "failed to load shim", bundle.Id, bundle.Namespace);
            DeleteBundle(bundle);
            return;
        }

        BootstrapReply? reply = bundle.TryReadShim();
        ShimInstance? shim = null;
        try
        {
            if (reply is not null)
                shim = await ShimInstance.ConnectAsync(bundle, binary, reply, CancellationToken.None).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            LogFailed(logger, e, "unable to load shim", bundle.Id, bundle.Namespace);
        }
        if (shim is null)
        {
            await BuryAsync(bundle, binary).ConfigureAwait(false);
            return;
        }

        try
        {
            await shim.CallAsync(m => m.State, new Shim.StateRequest { Id = shim.Id }, CancellationToken.None, s_cleanUpTimeout).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Status is RpcStatus.NotFound or RpcStatus.FailedPrecondition)
        {
            // Its daemon died between starting it and having it create the task.
            LogFailed(logger, e, "cleaning leaked shim process", bundle.Id, bundle.Namespace);
            await AbandonAsync(shim).ConfigureAwait(false);
            return;
        }
        catch (RpcException e)
        {
            // It lives, so its task may, too: better one too many than one that nobody can stop.
            LogFailed(logger, e, "failed to query shim, keeping it", bundle.Id, bundle.Namespace);
        }
        Register(shim, _logs.Add(bundle.OpenLog()));
    }

    /// <summary>Gets rid of a shim whose task was not created.</summary>
    private async Task AbandonAsync(ShimInstance shim)
    {
        shim.Leaving = true;
        try
        {
            await shim.CallAsync(m => m.Delete, new Shim.DeleteRequest { Id = shim.Id }, CancellationToken.None, s_cleanUpTimeout).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            LogNoAnswer(logger, e, shim.Id, shim.Namespace);
        }
        await DismissAsync(shim, async () =>
        {
            // A create that failed half-way may have left a container in the runtime's books that the shim knows nothing of.
            try
            {
                await command.DeleteAsync(shim.Binary, shim.Bundle, CancellationToken.None).ConfigureAwait(false);
            }
            catch (RpcException e)
            {
                LogFailed(logger, e, "failed to clean up after a task that was not created", shim.Id, shim.Namespace);
            }
        }).ConfigureAwait(false);
    }

    /// <summary>Tells a shim to go, sees that it does, and removes its bundle.</summary>
    private async Task DismissAsync(ShimInstance shim, Func<Task>? beforeBundle = null)
    {
        shim.Leaving = true;
        try
        {
            await shim.CallAsync(m => m.Shutdown, new Shim.ShutdownRequest { Id = shim.Id }, CancellationToken.None, s_shutdownTimeout)
                .ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            // It may hang up before its answer is through.
            LogNoAnswer(logger, e, shim.Id, shim.Namespace);
        }
        if (await Task.WhenAny(shim.Gone, Task.Delay(s_shutdownTimeout)).ConfigureAwait(false) != shim.Gone)
            LogLeaked(logger, shim.Id, shim.Namespace);
        if (beforeBundle is not null)
            await beforeBundle().ConfigureAwait(false);
        await ForgetAsync(shim).ConfigureAwait(false);
        DeleteBundle(shim.Bundle);
    }

    private async Task ForgetAsync(ShimInstance shim)
    {
        if (_shims.TryGetValue((shim.Namespace, shim.Id), out Entry? entry) && entry.Shim == shim)
        {
            _shims.TryRemove(new KeyValuePair<(string, string), Entry>((shim.Namespace, shim.Id), entry));
            entry.Log.Dispose();
        }
        await shim.DisposeAsync().ConfigureAwait(false);
    }

    private void DeleteBundle(Bundle bundle)
    {
        try
        {
            bundle.Delete();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailed(logger, e, "failed to delete bundle", bundle.Id, bundle.Namespace);
        }
    }

    private void RemoveOrphanedWork()
    {
        foreach (string nsFolder in Directory.EnumerateDirectories(workRoot))
        {
            foreach (string folder in Directory.EnumerateDirectories(nsFolder))
            {
                if (!_shims.ContainsKey((Path.GetFileName(nsFolder), Path.GetFileName(folder))))
                    Remove(folder);
            }
        }
    }

    private void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailed(logger, e, "failed to remove an orphaned folder", Path.GetFileName(folder), Path.GetFileName(Path.GetDirectoryName(folder)!));
        }
    }

#pragma warning disable SYSLIB1015 // Values outside the text become fields of the line.
    [LoggerMessage(Level = LogLevel.Information, Message = "shim disconnected")]
    private static partial void LogDisconnected(ILogger logger, string id, string @namespace);

    [LoggerMessage(Level = LogLevel.Warning, Message = "shim did not end after its shutdown")]
    private static partial void LogLeaked(ILogger logger, string id, string @namespace);

    [LoggerMessage(Level = LogLevel.Debug, Message = "shim did not answer")]
    private static partial void LogNoAnswer(ILogger logger, Exception error, string id, string @namespace);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{What}")]
    private static partial void LogFailed(ILogger logger, Exception error, string what, string id, string @namespace);
#pragma warning restore SYSLIB1015
}
