using System.Threading.Channels;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd;

/// <summary>Passes events from those who publish to those who subscribed.</summary>
internal sealed class EventExchange
{
    private readonly Lock _changing = new();
    private Subscription[] _subscriptions = [];

    /// <summary>How many events a subscriber may be behind before its stream is ended; it can then subscribe and look again.</summary>
    public int MaxBacklog { get; init; } = 64 * 1024;

    /// <summary>Publishes an event of this daemon.</summary>
    public void Publish(string ns, string topic, string typeUrl, IMessage message) =>
        Forward(new Envelope { Namespace = ns, Topic = topic, Timestamp = Labels.Now(), Event = TypeUrls.Wrap(typeUrl, message) });

    /// <summary>Passes on an envelope, checked.</summary>
    public void Forward(Envelope envelope)
    {
        try
        {
            CallScope.CheckIdentifier(envelope.Namespace);
        }
        catch (RpcException e)
        {
            throw new RpcException(e.Status, $"event envelope has invalid namespace: {e.Message}");
        }
        CheckTopic(envelope.Topic);
        if (envelope.Timestamp is null)
            throw ContainerdError.InvalidArgument("timestamp must be set on forwarded event");
        foreach (Subscription subscription in Volatile.Read(ref _subscriptions))
            subscription.Offer(envelope);
    }

    /// <summary>Events from now on that pass the filters.</summary>
    public Subscription Subscribe(IEnumerable<string> filters)
    {
        Subscription made = new(this, Filter.Parse(filters), MaxBacklog);
        lock (_changing)
            _subscriptions = [.. _subscriptions, made];
        return made;
    }

    /// <summary>Ends all streams: the daemon stops.</summary>
    public void Close()
    {
        foreach (Subscription subscription in Volatile.Read(ref _subscriptions))
            subscription.Dispose();
    }

    private static void CheckTopic(string topic)
    {
        if (topic.Length == 0)
            throw ContainerdError.InvalidArgument("envelope topic \"\": must not be empty");
        if (topic[0] != '/')
            throw ContainerdError.InvalidArgument($"envelope topic \"{topic}\": must start with '/'");
        if (topic.Length == 1)
            throw ContainerdError.InvalidArgument($"envelope topic \"{topic}\": must have at least one component");
        foreach (string part in topic[1..].Split('/'))
        {
            try
            {
                CallScope.CheckIdentifier(part);
            }
            catch (RpcException e)
            {
                throw new RpcException(e.Status, $"envelope topic \"{topic}\": failed validation on component \"{part}\": {e.Message}");
            }
        }
    }

    private void Remove(Subscription subscription)
    {
        lock (_changing)
            _subscriptions = Array.FindAll(_subscriptions, s => s != subscription);
    }

    /// <summary>One subscriber's queue; dispose it to unsubscribe.</summary>
    public sealed class Subscription : IDisposable
    {
        private readonly EventExchange _exchange;
        private readonly Filter _filter;
        private readonly Channel<Envelope> _queue;

        internal Subscription(EventExchange exchange, Filter filter, int backlog)
        {
            _exchange = exchange;
            _filter = filter;
            _queue = Channel.CreateBounded<Envelope>(new BoundedChannelOptions(backlog) { SingleReader = true });
        }

        /// <summary>The events, in the order of arrival.</summary>
        public ChannelReader<Envelope> Events => _queue.Reader;

        internal void Offer(Envelope envelope)
        {
            if (!_filter.Matches(path => Field(envelope, path)))
                return;
            if (!_queue.Writer.TryWrite(envelope))
            {
                _queue.Writer.TryComplete(new RpcException(RpcStatus.ResourceExhausted, "subscriber is too slow for the events it asked for"));
                _exchange.Remove(this);
            }
        }

        public void Dispose()
        {
            _exchange.Remove(this);
            _queue.Writer.TryComplete();
        }

        private static string? Field(Envelope envelope, ReadOnlySpan<string> path) => path switch
        {
            ["namespace"] => envelope.Namespace.Length > 0 ? envelope.Namespace : null,
            ["topic"] => envelope.Topic.Length > 0 ? envelope.Topic : null,
            _ => null,
        };
    }
}
