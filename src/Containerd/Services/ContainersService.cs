using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Events;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd;

/// <summary>containerd.services.containers.v1: what is to run; what runs is a task.</summary>
internal sealed class ContainersService(MetadataStore metadata, EventExchange events, GarbageCollector collector)
{
    public void Register(RpcServiceTable table)
    {
        table.Unary(ContainersMethods.Get, (r, c) =>
            new GetContainerResponse { Container = Find(CallScope.Namespace(c), r.Id) });
        table.Unary(ContainersMethods.List, (r, c) => List(r, c));
        table.ServerStream(ContainersMethods.ListStream, ListStreamAsync);
        table.Unary(ContainersMethods.Create, (r, c) => Create(r, c));
        table.Unary(ContainersMethods.Update, (r, c) => Update(r, c));
        table.Unary(ContainersMethods.Delete, (r, c) => Delete(r, c));
    }

    public Container Find(string ns, string id) =>
        metadata.Database.Read(s => metadata.Containers.Get(s, ns, id)) ?? throw ContainerdError.NotFound($"container \"{id}\" in namespace \"{ns}\"");

    /// <summary>
    /// Makes a record for a running task that has none, as after a loss of the database: without one nobody could stop the task, and
    /// its owner, who still knows its name, would take it for ended.
    /// </summary>
    public void Adopt(string ns, string id, byte[]? spec) => metadata.Database.Write(session =>
    {
        if (metadata.Containers.Get(session, ns, id) is not null)
            return;
        Timestamp now = Labels.Now();
        Container container = new()
        {
            Id = id,
            Runtime = new Container.Types.Runtime { Name = "io.containerd.runc.v2" },
            Spec = new Any { TypeUrl = TypeUrls.RuntimeSpec, Value = ByteString.CopyFrom(spec ?? "{}"u8.ToArray()) },
            CreatedAt = now,
            UpdatedAt = now,
        };
        metadata.Containers.Insert(session, ns, id, container);
    });

    public ListContainersResponse List(ListContainersRequest request, RpcContext context)
    {
        ListContainersResponse response = new();
        response.Containers.AddRange(Matching(request, context));
        return response;
    }

    public async ValueTask ListStreamAsync(ListContainersRequest request, IRpcWriter<ListContainerMessage> writer, RpcContext context)
    {
        foreach (Container container in Matching(request, context))
            await writer.WriteAsync(new ListContainerMessage { Container = container }, context.Cancelled).ConfigureAwait(false);
    }

    public CreateContainerResponse Create(CreateContainerRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Container container = request.Container?.Clone() ?? new Container();
        Check(container, "create container failed validation");
        container.CreatedAt = Labels.Now();
        container.UpdatedAt = container.CreatedAt;
        metadata.Database.Write(session =>
        {
            if (!metadata.Containers.Insert(session, ns, container.Id, container))
                throw ContainerdError.AlreadyExists($"container \"{container.Id}\"");
        });
        events.Publish(ns, "/containers/create", TypeUrls.ContainerCreate, new ContainerCreate
        {
            Id = container.Id,
            Image = container.Image,
            Runtime = new ContainerCreate.Types.Runtime { Name = container.Runtime?.Name ?? "", Options = container.Runtime?.Options },
        });
        return new CreateContainerResponse { Container = container };
    }

    public UpdateContainerResponse Update(UpdateContainerRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Container wanted = request.Container ?? new Container();
        if (wanted.Id.Length == 0)
            throw new RpcException(RpcStatus.InvalidArgument, "Container.ID required");
        Container updated = metadata.Database.Write(session =>
        {
            Container container = metadata.Containers.Get(session, ns, wanted.Id) ?? throw ContainerdError.NotFound($"container \"{wanted.Id}\"");
            if (request.UpdateMask is null || request.UpdateMask.Paths.Count == 0)
            {
                if (container.Snapshotter != wanted.Snapshotter)
                    throw ContainerdError.InvalidArgument("container.Snapshotter field is immutable");
                if (container.Runtime?.Name != wanted.Runtime?.Name)
                    throw ContainerdError.InvalidArgument("container.Runtime.Name field is immutable");
                Container whole = wanted.Clone();
                whole.CreatedAt = container.CreatedAt;
                container = whole;
            }
            else
            {
                foreach (string path in request.UpdateMask.Paths)
                    ApplyPath(path, container, wanted);
            }
            Check(container, "update failed validation");
            container.UpdatedAt = Labels.Now();
            metadata.Containers.Update(session, ns, container.Id, container);
            return container;
        });
        ContainerUpdate update = new() { Id = updated.Id, Image = updated.Image, SnapshotKey = updated.SnapshotKey };
        Labels.Replace(update.Labels, updated.Labels);
        events.Publish(ns, "/containers/update", TypeUrls.ContainerUpdate, update);
        return new UpdateContainerResponse { Container = updated };
    }

    public Empty Delete(DeleteContainerRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        metadata.Database.Write(session =>
        {
            if (!metadata.Containers.Delete(session, ns, request.Id))
                throw ContainerdError.NotFound($"container {request.Id}");
        });
        events.Publish(ns, "/containers/delete", TypeUrls.ContainerDelete, new ContainerDelete { Id = request.Id });
        collector.Schedule();
        return new Empty();
    }

    private IEnumerable<Container> Matching(ListContainersRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Filter filter = Filter.Parse(request.Filters);
        return metadata.Database.Read(s => metadata.Containers.List(s, ns)).Where(c => filter.Matches(path => Field(c, path)));
    }

    private static void ApplyPath(string path, Container container, Container wanted)
    {
        const string extensions = "extensions.";
        if (Labels.ApplyPath(path, container.Labels, wanted.Labels))
            return;
        if (path.StartsWith(extensions, StringComparison.Ordinal))
        {
            string key = path[extensions.Length..];
            if (wanted.Extensions.TryGetValue(key, out Any? extension))
                container.Extensions[key] = extension;
            else
                container.Extensions.Remove(key);
            return;
        }
        switch (path)
        {
            case "spec":
                container.Spec = wanted.Spec;
                break;
            case "extensions":
                container.Extensions.Clear();
                container.Extensions.Add(wanted.Extensions);
                break;
            case "image":
                container.Image = wanted.Image;
                break;
            case "snapshotkey" or "snapshot_key":
                container.SnapshotKey = wanted.SnapshotKey;
                break;
            default:
                throw ContainerdError.InvalidArgument($"cannot update \"{path}\" field on \"{container.Id}\"");
        }
    }

    private static void Check(Container container, string what)
    {
        try
        {
            CallScope.CheckIdentifier(container.Id);
        }
        catch (RpcException e)
        {
            throw new RpcException(e.Status, $"{what}: container.ID: {e.Message}");
        }
        if (container.Extensions.ContainsKey(""))
            throw ContainerdError.InvalidArgument($"{what}: container.Extension keys must not be zero-length");
        Labels.Check(container.Labels, $"{what}: containers.Labels");
        if (string.IsNullOrEmpty(container.Runtime?.Name))
            throw ContainerdError.InvalidArgument($"{what}: container.Runtime.Name must be set");
        if (container.Spec is null && container.Sandbox.Length == 0)
            throw ContainerdError.InvalidArgument($"{what}: container.Spec must be set");
        if (container.SnapshotKey.Length > 0 && container.Snapshotter.Length == 0)
            throw ContainerdError.InvalidArgument($"{what}: container.Snapshotter must be set if container.SnapshotKey is set");
    }

    private static string? Field(Container container, ReadOnlySpan<string> path) => path switch
    {
        ["id"] => container.Id,
        ["runtime", "name"] => container.Runtime?.Name,
        ["image"] => container.Image.Length > 0 ? container.Image : null,
        ["labels", ..] => Labels.Field(container.Labels, path),
        _ => null,
    };
}
