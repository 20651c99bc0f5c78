using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Leases;
using AotRuntime.Storage;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd;

/// <summary>containerd.services.leases.v1: what a lease holds is not collected.</summary>
internal sealed class LeasesService(MetadataStore metadata, GarbageCollector collector)
{
    public void Register(RpcServiceTable table)
    {
        table.Unary(LeasesMethods.Create, (r, c) => Create(r, c));
        table.Unary(LeasesMethods.Delete, DeleteAsync);
        table.Unary(LeasesMethods.List, (r, c) => List(r, c));
        table.Unary(LeasesMethods.AddResource, (r, c) => AddResource(r, c));
        table.Unary(LeasesMethods.DeleteResource, (r, c) => DeleteResource(r, c));
        table.Unary(LeasesMethods.ListResources, (r, c) => ListResources(r, c));
    }

    public CreateResponse Create(CreateRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Lease lease = new()
        {
            Id = request.Id.Length > 0 ? request.Id : RandomSource.Hex(16),
            CreatedAt = Labels.Now(),
        };
        Labels.Replace(lease.Labels, request.Labels);
        Labels.Check(lease.Labels);
        metadata.Database.Write(session =>
        {
            if (!metadata.Leases.Insert(session, ns, lease.Id, lease))
                throw ContainerdError.AlreadyExists($"lease \"{lease.Id}\"");
        });
        if (ReferenceLabels.Expiry(lease.Labels) is { } expiry)
            collector.ScheduleAt(expiry);
        return new CreateResponse { Lease = lease };
    }

    public async RpcAnswer<Empty> DeleteAsync(DeleteRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        metadata.Database.Write(session =>
        {
            if (!metadata.Leases.Delete(session, ns, request.Id))
                throw ContainerdError.NotFound($"lease \"{request.Id}\"");
        });
        if (request.Sync)
            await collector.CollectAsync().ConfigureAwait(false);
        else
            collector.Schedule();
        return new Empty();
    }

    public ListResponse List(ListRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Filter filter = Filter.Parse(request.Filters);
        ListResponse response = new();
        foreach (Lease lease in metadata.Database.Read(s => metadata.Leases.List(s, ns)))
        {
            if (filter.Matches(path => Field(lease, path)))
                response.Leases.Add(lease);
        }
        return response;
    }

    public Empty AddResource(AddResourceRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Resource resource = Checked(request.Resource);
        metadata.Database.Write(session =>
        {
            if (metadata.Leases.Get(session, ns, request.Id) is null)
                throw ContainerdError.NotFound($"lease \"{request.Id}\"");
            metadata.AddToLease(session, ns, request.Id, resource.Type, resource.Id);
        });
        return new Empty();
    }

    public Empty DeleteResource(DeleteResourceRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        Resource resource = Checked(request.Resource);
        metadata.Database.Write(session =>
        {
            if (metadata.Leases.Get(session, ns, request.Id) is null)
                throw ContainerdError.NotFound($"lease \"{request.Id}\"");
            MetadataStore.RemoveFromLease(session, ns, request.Id, resource.Type, resource.Id);
        });
        collector.Schedule();
        return new Empty();
    }

    public ListResourcesResponse ListResources(ListResourcesRequest request, RpcContext context)
    {
        string ns = CallScope.Namespace(context);
        return metadata.Database.Read(session =>
        {
            if (metadata.Leases.Get(session, ns, request.Id) is null)
                throw ContainerdError.NotFound($"lease \"{request.Id}\"");
            using Statement list = session.Prepare("SELECT type, id FROM lease_resources WHERE ns = ?1 AND lease = ?2 ORDER BY type, id");
            list.Bind(1, ns).Bind(2, request.Id);
            ListResourcesResponse response = new();
            while (list.Step())
                response.Resources.Add(new Resource { Type = list.Text(0), Id = list.Text(1) });
            return response;
        });
    }

    private static Resource Checked(Resource? resource)
    {
        resource ??= new Resource();
        string[] parts = resource.Type.Split('/');
        bool known = parts is ["content"] or ["ingests"] or ["images"] || (parts is ["snapshots", _] && parts[1].Length > 0);
        if (!known)
        {
            throw parts[0] == "snapshots"
                ? ContainerdError.InvalidArgument($"invalid snapshot resource type {resource.Type}")
                : parts[0] is "content" or "ingests" or "images"
                ? ContainerdError.InvalidArgument($"invalid resource type {resource.Type}")
                : ContainerdError.Unimplemented($"resource type {resource.Type} not supported yet");
        }
        if (parts[0] == "content" && ContentDigest.Problem(resource.Id) is { } problem)
            throw ContainerdError.InvalidArgument($"invalid content resource id {resource.Id}: {problem}");
        return resource;
    }

    private static string? Field(Lease lease, ReadOnlySpan<string> path) => path switch
    {
        ["id"] => lease.Id,
        ["labels", ..] => Labels.Field(lease.Labels, path),
        _ => null,
    };
}
