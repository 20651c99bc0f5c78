using System.Threading.Channels;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Events;

/// <summary>What happened, for <c>GET /events</c>: the last ones are kept for clients that ask for the past. Thread-safe.</summary>
public sealed class EventBus(TimeProvider? clock = null)
{
    /// <summary>How many past events are kept, as many as Docker keeps.</summary>
    public const int Kept = 256;

    /// <summary>How far a listener may fall behind before it misses events; publishing never waits.</summary>
    private const int ListenerCapacity = 1024;

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly Lock _lock = new();
    private readonly Queue<EventMessage> _past = new(Kept);
    private readonly List<Channel<EventMessage>> _listeners = [];

    /// <summary>How many listen.</summary>
    public int ListenerCount
    {
        get
        {
            lock (_lock)
                return _listeners.Count;
        }
    }

    /// <summary>Tells all listeners.</summary>
    /// <param name="type"><c>container</c>, <c>image</c>, <c>network</c>, <c>volume</c>, <c>daemon</c>.</param>
    /// <param name="action"><c>create</c>, <c>start</c>, <c>die</c>, <c>pull</c>, …</param>
    /// <param name="id">Whom it is about.</param>
    /// <param name="attributes">More about it.</param>
    public void Publish(string type, string action, string id, Dictionary<string, string> attributes)
    {
        long nanos = GoTime.ToUnixNano(_clock.GetUtcNow());
        EventMessage message = new()
        {
            Type = type,
            Action = action,
            Actor = new EventActor { Id = id, Attributes = attributes },
            Scope = "local",
            Time = nanos / GoDuration.Second,
            TimeNano = nanos,
        };
        // The members of the API before 1.22; dockerd still sends them for containers and images.
        if (type == "container")
        {
            message.Status = action;
            message.Id = id;
            message.From = attributes.GetValueOrDefault("image", "");
        }
        else if (type == "image")
        {
            message.Status = action;
            message.Id = id;
        }
        lock (_lock)
        {
            if (_past.Count == Kept)
                _past.Dequeue();
            _past.Enqueue(message);
            foreach (Channel<EventMessage> listener in _listeners)
                listener.Writer.TryWrite(message);
        }
    }

    /// <summary>Past events and a reader of those to come, with none between lost or told twice. Dispose to stop listening.</summary>
    public EventListener Listen()
    {
        Channel<EventMessage> channel = Channel.CreateBounded<EventMessage>(
            new BoundedChannelOptions(ListenerCapacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        lock (_lock)
        {
            _listeners.Add(channel);
            return new EventListener(this, channel, [.. _past]);
        }
    }

    internal void Remove(Channel<EventMessage> channel)
    {
        lock (_lock)
            _listeners.Remove(channel);
    }
}

/// <summary>One listener of an <see cref="EventBus"/>.</summary>
public sealed class EventListener : IDisposable
{
    private readonly EventBus _bus;
    private readonly Channel<EventMessage> _channel;

    internal EventListener(EventBus bus, Channel<EventMessage> channel, IReadOnlyList<EventMessage> past)
    {
        _bus = bus;
        _channel = channel;
        Past = past;
    }

    /// <summary>What happened before.</summary>
    public IReadOnlyList<EventMessage> Past { get; }

    /// <summary>What happens from now on.</summary>
    public ChannelReader<EventMessage> Reader => _channel.Reader;

    /// <inheritdoc/>
    public void Dispose() => _bus.Remove(_channel);
}
