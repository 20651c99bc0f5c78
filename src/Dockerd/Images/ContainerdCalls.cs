using System.Globalization;
using AotRuntime.Http;
using AotRuntime.Images;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Leases;
using AotRuntime.Rpc.Containerd.Types;

namespace AotRuntime.Dockerd.Images;

/// <summary>Calls of containerd in one namespace, under a lease where there is one: what is made under it stays until the lease ends.</summary>
internal sealed class ContainerdCalls(RpcChannel channel, string ns, string? lease = null)
{
    /// <summary>Marks leases of pulls, to be found again after a crash.</summary>
    private const string PullLabel = "aotruntime.dockerd/pull";

    /// <summary>The connection.</summary>
    public RpcChannel Channel { get; } = channel;

    /// <summary>Options of a call.</summary>
    public RpcCallOptions Options
    {
        get
        {
            HttpHeaders metadata = new() { { "containerd-namespace", ns } };
            if (lease is not null)
                metadata.Add("containerd-lease", lease);
            return new RpcCallOptions { Metadata = metadata };
        }
    }

    /// <summary>One request, one response.</summary>
    public RpcAnswer<TResponse> UnaryAsync<TRequest, TResponse>(RpcMethod<TRequest, TResponse> method, TRequest request, CancellationToken cancellationToken)
        where TRequest : class, Google.Protobuf.IMessage<TRequest>
        where TResponse : class, Google.Protobuf.IMessage<TResponse> =>
        Channel.UnaryAsync(method, request, Options, cancellationToken);

    /// <summary>The response, or null where containerd knows no such thing.</summary>
    public async RpcAnswer<TResponse?> FindAsync<TRequest, TResponse>(RpcMethod<TRequest, TResponse> method, TRequest request, CancellationToken cancellationToken)
        where TRequest : class, Google.Protobuf.IMessage<TRequest>
        where TResponse : class, Google.Protobuf.IMessage<TResponse>
    {
        try
        {
            return await UnaryAsync(method, request, cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException error) when (error.Status == RpcStatus.NotFound)
        {
            return null;
        }
    }

    /// <summary>Makes a lease and gives the calls under it.</summary>
    public async ValueTask<(string Lease, ContainerdCalls Calls)> LeaseAsync(CancellationToken cancellationToken)
    {
        CreateRequest request = new() { Id = $"{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture)}-{Guid.NewGuid():N}" };
        // Should nobody end it, the garbage collector does.
        request.Labels["containerd.io/gc.expire"] = DateTimeOffset.UtcNow.AddHours(24).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        request.Labels[PullLabel] = "1";
        await UnaryAsync(LeasesMethods.Create, request, cancellationToken).ConfigureAwait(false);
        return (request.Id, new ContainerdCalls(Channel, ns, request.Id));
    }

    /// <summary>Ends a lease; with <paramref name="collect"/> what only it kept is gone when this returns.</summary>
    public async ValueTask EndLeaseAsync(string id, bool collect)
    {
        await FindAsync(LeasesMethods.Delete, new DeleteRequest { Id = id, Sync = collect }, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Ends the leases of pulls that a crash cut short; what they had made so far is collected.</summary>
    public async ValueTask EndForgottenLeasesAsync(CancellationToken cancellationToken)
    {
        ListRequest request = new();
        request.Filters.Add($"labels.\"{PullLabel}\"==1");
        ListResponse leases = await UnaryAsync(LeasesMethods.List, request, cancellationToken).ConfigureAwait(false);
        foreach (Lease forgotten in leases.Leases)
        {
            // A server that does not know filters gives all leases.
            if (forgotten.Labels.ContainsKey(PullLabel))
                await EndLeaseAsync(forgotten.Id, collect: true).ConfigureAwait(false);
        }
    }

    /// <summary>A descriptor as containerd's messages have it.</summary>
    public static OciDescriptor ToMessage(Descriptor descriptor) =>
        new() { MediaType = descriptor.MediaType, Digest = descriptor.Digest.ToString(), Size = descriptor.Size };

    /// <summary>A descriptor from containerd's message; null where its digest is none.</summary>
    public static Descriptor? FromMessage(OciDescriptor? message) =>
        message is not null && Digest.TryParse(message.Digest, out Digest digest)
            ? new Descriptor { MediaType = message.MediaType, Digest = digest, Size = message.Size }
            : null;
}
