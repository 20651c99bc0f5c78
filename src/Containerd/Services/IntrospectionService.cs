using System.Globalization;
using System.Runtime.InteropServices;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Introspection;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd;

/// <summary>containerd.services.introspection.v1: clients ask it for a snapshotter's platforms and for what there is at all.</summary>
internal sealed class IntrospectionService
{
    private readonly string _uuidPath;
    private readonly ShimManager _shims;
    private readonly List<Plugin> _plugins = [];
    private readonly Lock _making = new();

    /// <param name="root">The daemon's root folder.</param>
    /// <param name="shims">Asks a runtime for its features.</param>
    /// <param name="snapshotters">Snapshotters that work here.</param>
    /// <param name="failed">Snapshotters that do not, with the reason.</param>
    public IntrospectionService(string root, ShimManager shims, IEnumerable<string> snapshotters, IEnumerable<(string Name, string Reason)> failed)
    {
        _uuidPath = Path.Combine(root, "io.containerd.grpc.v1.introspection", "uuid");
        _shims = shims;
        Add("io.containerd.content.v1", "content");
        Add("io.containerd.metadata.v1", "sqlite");
        Add("io.containerd.event.v1", "exchange");
        Add("io.containerd.gc.v1", "scheduler");
        Add("io.containerd.lease.v1", "manager");
        foreach (string snapshotter in snapshotters)
            Add("io.containerd.snapshotter.v1", snapshotter, platforms: true);
        foreach ((string name, string reason) in failed)
        {
            Plugin plugin = Add("io.containerd.snapshotter.v1", name, platforms: true);
            plugin.InitErr = new Rpc.Wire.Status { Code = (int)RpcStatus.Unknown, Message = reason };
        }
        Add("io.containerd.differ.v1", "walking", platforms: true);
        Add("io.containerd.shim.v1", "manager");
        Plugin task = Add("io.containerd.runtime.v2", "task", platforms: true);
        task.Exports["log-uri-schemes"] = "fifo,binary,file";
        foreach (string service in (ReadOnlySpan<string>)
            ["containers", "content", "diff", "images", "introspection", "leases", "namespaces", "snapshots", "tasks"])
        {
            Add("io.containerd.service.v1", $"{service}-service");
        }
        foreach (string service in (ReadOnlySpan<string>)
            ["containers", "content", "diff", "events", "healthcheck", "images", "introspection", "leases", "namespaces", "snapshots", "tasks", "version"])
        {
            Add("io.containerd.grpc.v1", service);
        }
    }

    public void Register(RpcServiceTable table)
    {
        table.Unary(IntrospectionMethods.Plugins, (r, _) => Plugins(r));
        table.Unary(IntrospectionMethods.Server, (_, _) => Server());
        table.Unary(IntrospectionMethods.PluginInfo, PluginInfoAsync);
    }

    public PluginsResponse Plugins(PluginsRequest request)
    {
        Filter filter = Filter.Parse(request.Filters);
        PluginsResponse response = new();
        foreach (Plugin plugin in _plugins)
        {
            if (filter.Matches(path => Field(plugin, path)))
                response.Plugins.Add(plugin);
        }
        return response;
    }

    public ServerResponse Server()
    {
        // "pid:[4026531836]"
        string link = new FileInfo("/proc/self/ns/pid").LinkTarget ?? "";
        _ = ulong.TryParse(link.AsSpan().Trim("pid:[]"), NumberStyles.None, CultureInfo.InvariantCulture, out ulong pidns);
        return new ServerResponse { Uuid = Uuid(), Pid = (ulong)Environment.ProcessId, Pidns = pidns };
    }

    private async RpcAnswer<PluginInfoResponse> PluginInfoAsync(PluginInfoRequest request, RpcContext context)
    {
        Plugin plugin = _plugins.Find(p => p.Type == request.Type && p.Id == request.Id)
            ?? throw ContainerdError.NotFound($"plugin {request.Type}.{request.Id} not found");
        PluginInfoResponse response = new() { Plugin = plugin };
        if (request.Options is null)
            return response;
        const string runtimeRequest = "containerd.types.RuntimeRequest";
        if (plugin.Type != "io.containerd.runtime.v2" || !TypeUrls.Is(request.Options, runtimeRequest))
            throw ContainerdError.Unimplemented("plugin does not provide extra information");
        RuntimeRequest runtime = RuntimeRequest.Parser.ParseFrom(request.Options.Value);
        byte[] info = await _shims.RuntimeInfoAsync(runtime, context.Cancelled).ConfigureAwait(false);
        response.Extra = new Any { TypeUrl = "containerd.types.RuntimeInfo", Value = UnsafeByteOperations.UnsafeWrap(info) };
        return response;
    }

    private string Uuid()
    {
        lock (_making)
        {
            if (File.Exists(_uuidPath) && Guid.TryParse(File.ReadAllText(_uuidPath), out Guid known))
                return known.ToString();
            string made = Guid.NewGuid().ToString();
            Directory.CreateDirectory(Path.GetDirectoryName(_uuidPath)!);
            File.WriteAllText(_uuidPath, made);
            return made;
        }
    }

    private Plugin Add(string type, string id, bool platforms = false)
    {
        Plugin plugin = new() { Type = type, Id = id };
        if (platforms)
        {
            plugin.Platforms.Add(new Platform
            {
                Os = "linux",
                Architecture = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64",
                Variant = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "v8" : "",
            });
        }
        _plugins.Add(plugin);
        return plugin;
    }

    private static string? Field(Plugin plugin, ReadOnlySpan<string> path) => path switch
    {
        ["type"] => plugin.Type,
        ["id"] => plugin.Id,
        _ => null,
    };
}
