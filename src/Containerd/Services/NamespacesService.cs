using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Namespaces;
using AotRuntime.Storage;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd;

/// <summary>containerd.services.namespaces.v1.</summary>
internal sealed class NamespacesService(MetadataStore metadata, EventExchange events)
{
    public void Register(RpcServiceTable table)
    {
        table.Unary(NamespacesMethods.Get, (r, _) => Get(r));
        table.Unary(NamespacesMethods.List, (_, _) => List());
        table.Unary(NamespacesMethods.Create, (r, _) => Create(r));
        table.Unary(NamespacesMethods.Update, (r, _) => Update(r));
        table.Unary(NamespacesMethods.Delete, (r, _) => Delete(r));
    }

    // A namespace that has nothing yet is no error: clients ask for its labels before they put the first object there.
    public GetNamespaceResponse Get(GetNamespaceRequest request) => new()
    {
        Namespace = metadata.Database.Read(s => metadata.Namespaces.Get(s, "", request.Name)) ?? new Namespace { Name = request.Name },
    };

    public ListNamespacesResponse List()
    {
        ListNamespacesResponse response = new();
        response.Namespaces.AddRange(metadata.Database.Read(s => metadata.Namespaces.List(s, "")));
        return response;
    }

    public CreateNamespaceResponse Create(CreateNamespaceRequest request)
    {
        Namespace made = request.Namespace?.Clone() ?? new Namespace();
        CallScope.CheckIdentifier(made.Name);
        Labels.Check(made.Labels, "namespace.Labels");
        metadata.Database.Write(session =>
        {
            if (!metadata.Namespaces.Insert(session, "", made.Name, made))
                throw ContainerdError.AlreadyExists($"namespace \"{made.Name}\"");
        });
        NamespaceCreate created = new() { Name = made.Name };
        Labels.Replace(created.Labels, made.Labels);
        events.Publish(made.Name, "/namespaces/create", TypeUrls.NamespaceCreate, created);
        return new CreateNamespaceResponse { Namespace = made };
    }

    public UpdateNamespaceResponse Update(UpdateNamespaceRequest request)
    {
        Namespace wanted = request.Namespace ?? new Namespace();
        Namespace updated = metadata.Database.Write(session =>
        {
            CallScope.CheckIdentifier(wanted.Name);
            Namespace current = metadata.Namespaces.Get(session, "", wanted.Name) ?? new Namespace { Name = wanted.Name };
            if (request.UpdateMask is null || request.UpdateMask.Paths.Count == 0)
            {
                Labels.Replace(current.Labels, wanted.Labels);
            }
            else
            {
                foreach (string path in request.UpdateMask.Paths)
                {
                    if (!Labels.ApplyPath(path, current.Labels, wanted.Labels))
                        throw new RpcException(RpcStatus.InvalidArgument, $"cannot update \"{path}\" field");
                }
            }
            Labels.Check(current.Labels, "namespace.Labels");
            // Labels may come before the first object; without any there is nothing to note.
            if (current.Labels.Count > 0)
                MetadataStore.TouchNamespace(session, wanted.Name);
            metadata.Namespaces.Update(session, "", wanted.Name, current);
            return current;
        });
        NamespaceUpdate update = new() { Name = updated.Name };
        Labels.Replace(update.Labels, updated.Labels);
        events.Publish(updated.Name, "/namespaces/update", TypeUrls.NamespaceUpdate, update);
        return new UpdateNamespaceResponse { Namespace = updated };
    }

    public Empty Delete(DeleteNamespaceRequest request)
    {
        metadata.Database.Write(session =>
        {
            List<string> left = Left(session, request.Name);
            if (left.Count > 0)
                throw ContainerdError.FailedPrecondition($"namespace \"{request.Name}\" must be empty, but it still has {string.Join(", ", left)}");
            if (!metadata.Namespaces.Delete(session, "", request.Name))
                throw ContainerdError.NotFound($"namespace \"{request.Name}\"");
            using Statement leases = session.Prepare("DELETE FROM leases WHERE ns = ?1");
            leases.Bind(1, request.Name).Run();
        });
        events.Publish(request.Name, "/namespaces/delete", TypeUrls.NamespaceDelete, new NamespaceDelete { Name = request.Name });
        return new Empty();
    }

    private List<string> Left(Session session, string ns)
    {
        List<string> left = [];
        if (metadata.Images.Any(session, ns))
            left.Add("images");
        if (metadata.Content.Any(session, ns))
            left.Add("blobs");
        if (metadata.Containers.Any(session, ns))
            left.Add("containers");
        using Statement snapshots = session.Prepare("SELECT DISTINCT snapshotter FROM snapshots WHERE ns = ?1 ORDER BY 1");
        snapshots.Bind(1, ns);
        while (snapshots.Step())
            left.Add($"snapshots on \"{snapshots.Text(0)}\" snapshotter");
        return left;
    }
}
