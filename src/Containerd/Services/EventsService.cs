using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd;

/// <summary>containerd.services.events.v1, and the ttrpc service by which shims forward theirs.</summary>
internal sealed class EventsService(EventExchange exchange)
{
    public void Register(RpcServiceTable table)
    {
        table.Unary(EventsMethods.Publish, (r, c) => Publish(r, c));
        table.Unary(EventsMethods.Forward, (r, _) => Forward(r));
        table.ServerStream(EventsMethods.Subscribe, SubscribeAsync);
    }

    /// <summary>For the ttrpc socket: shims know this one method only.</summary>
    public void RegisterTtrpc(RpcServiceTable table) =>
        table.Unary(TtrpcEventsMethods.Forward, (r, _) => Forward(r));

    public Empty Publish(PublishRequest request, RpcContext context)
    {
        string ns;
        try
        {
            ns = CallScope.Namespace(context);
        }
        catch (RpcException e)
        {
            throw new RpcException(e.Status, $"failed publishing event: {e.Message}");
        }
        exchange.Forward(new Envelope
        {
            Namespace = ns,
            Topic = request.Topic,
            Timestamp = Labels.Now(),
            Event = request.Event,
        });
        return new Empty();
    }

    public Empty Forward(ForwardRequest request)
    {
        exchange.Forward(request.Envelope ?? new Envelope());
        return new Empty();
    }

    public async ValueTask SubscribeAsync(SubscribeRequest request, IRpcWriter<Envelope> writer, RpcContext context)
    {
        using EventExchange.Subscription subscription = Subscribe(request);
        await foreach (Envelope envelope in subscription.Events.ReadAllAsync(context.Cancelled).ConfigureAwait(false))
            await writer.WriteAsync(envelope, context.Cancelled).ConfigureAwait(false);
    }

    private EventExchange.Subscription Subscribe(SubscribeRequest request)
    {
        try
        {
            return exchange.Subscribe(request.Filters);
        }
        catch (RpcException e)
        {
            throw new RpcException(RpcStatus.Unknown, $"subscription error: failed parsing subscription filters: {e.Message}");
        }
    }
}
