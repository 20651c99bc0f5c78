using System.Text.Json;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Runc;
using AotRuntime.Shim.Cgroups;
using AotRuntime.Shim.Processes;

namespace AotRuntime.Shim.Tasks;

/// <summary>A container with its processes.</summary>
internal sealed class Container(string id, string bundle, InitProcess init, Options options) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ExecProcess> _execs = [];
    private readonly HashSet<Task> _running = [];
    private bool _initGone;

    /// <summary>The container's id.</summary>
    public string Id { get; } = id;

    /// <summary>Its bundle.</summary>
    public string Bundle { get; } = bundle;

    /// <summary>Its first process.</summary>
    public InitProcess Init { get; } = init;

    /// <summary>The options that it was created with.</summary>
    public Options Options { get; } = options;

    /// <summary>Its cgroups; null where they could not be found.</summary>
    public CgroupPaths? Cgroups { get; set; }

    /// <summary>Watches its memory.</summary>
    public OomWatcher? Oom { get; set; }

    /// <summary>
    /// Whether the end of the first process leaves others alive: so it is where the container has no pid namespace of its own,
    /// with which the kernel would kill them.
    /// </summary>
    public bool MustKillAllOnExit { get; } = !HasOwnPidNamespace(bundle);

    /// <summary>The process of that exec id; the first one where it is empty.</summary>
    /// <exception cref="RpcException">There is none.</exception>
    public TaskProcess Process(string execId)
    {
        if (execId.Length == 0)
            return Init;
        lock (_lock)
        {
            return _execs.TryGetValue(execId, out ExecProcess? exec)
                ? exec
                : throw new RpcException(RpcStatus.NotFound, $"process does not exist {execId}: not found");
        }
    }

    /// <summary>Adds an exec under its id.</summary>
    /// <exception cref="RpcException">The id is taken.</exception>
    public void Add(ExecProcess exec)
    {
        lock (_lock)
        {
            if (!_execs.TryAdd(exec.Id, exec))
                throw new RpcException(RpcStatus.AlreadyExists, $"id {exec.Id}: already exists");
        }
    }

    /// <summary>Forgets an exec.</summary>
    public void Remove(ExecProcess exec)
    {
        lock (_lock)
            _execs.Remove(exec.Id);
    }

    /// <summary>The exec that has a pid; null where none has.</summary>
    public ExecProcess? ExecOf(int pid)
    {
        lock (_lock)
        {
            foreach (ExecProcess exec in _execs.Values)
            {
                if (exec.Pid == pid)
                    return exec;
            }
            return null;
        }
    }

    /// <summary>Counts an exec as running until its exit has been told; the container's own exit is told after that.</summary>
    /// <exception cref="RpcException">The first process has ended, and the container with it.</exception>
    public void Enter(Task told)
    {
        lock (_lock)
        {
            if (_initGone)
                throw new RpcException(RpcStatus.FailedPrecondition, $"container {Id} init process is not running: failed precondition");
            _running.Add(told);
        }
    }

    /// <summary>The counterpart of <see cref="Enter"/>.</summary>
    public void Leave(Task told)
    {
        lock (_lock)
            _running.Remove(told);
    }

    /// <summary>From now on no exec can start; gives those whose exit has not been told yet.</summary>
    public Task[] CloseEntry()
    {
        lock (_lock)
        {
            _initGone = true;
            return [.. _running];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Oom?.Dispose();
        lock (_lock)
        {
            foreach (ExecProcess exec in _execs.Values)
                exec.Dispose();
            _execs.Clear();
        }
        Init.Dispose();
    }

    private static bool HasOwnPidNamespace(string bundle)
    {
        try
        {
            using JsonDocument spec = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(bundle, "config.json")));
            if (spec.RootElement.TryGetProperty("linux", out JsonElement linux) && linux.TryGetProperty("namespaces", out JsonElement namespaces)
                && namespaces.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement ns in namespaces.EnumerateArray())
                {
                    if (ns.TryGetProperty("type", out JsonElement type) && type.ValueEquals("pid"))
                        return !ns.TryGetProperty("path", out JsonElement path) || path.GetString() is null or "";
                }
            }
            return false;
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException)
        {
            // To kill once more than needed is the safe side.
            return false;
        }
    }
}
