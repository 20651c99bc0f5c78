using AotRuntime.Containerd;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Tests.Unit.Containerd;

public sealed class EventTests
{
    private static Envelope Event(string topic, string ns = "moby") =>
        new() { Topic = topic, Namespace = ns, Timestamp = Timestamp.FromDateTime(DateTime.UtcNow), Event = new Any() };

    [Fact]
    public void SubscribersGetWhatTheyAskedFor_InOrder()
    {
        EventExchange exchange = new();
        using EventExchange.Subscription tasks = exchange.Subscribe(["namespace==moby,topic~=|^/tasks/|"]);
        using EventExchange.Subscription all = exchange.Subscribe([]);
        exchange.Forward(Event("/tasks/create"));
        exchange.Forward(Event("/images/create"));
        exchange.Forward(Event("/tasks/exit", "other"));
        exchange.Forward(Event("/tasks/exit"));
        Assert.Equal(["/tasks/create", "/tasks/exit"], Read(tasks));
        Assert.Equal(4, Read(all).Count);
    }

    [Fact]
    public void TooSlowASubscriber_IsLetGo()
    {
        EventExchange exchange = new() { MaxBacklog = 2 };
        using EventExchange.Subscription slow = exchange.Subscribe([]);
        for (int i = 0; i < 3; i++)
            exchange.Forward(Event("/tasks/exit"));
        Assert.Equal(2, Read(slow).Count);
        RpcException e = Assert.IsType<RpcException>(slow.Events.Completion.Exception?.InnerException);
        Assert.Equal(RpcStatus.ResourceExhausted, e.Status);
    }

    [Theory]
    [InlineData("", "envelope topic \"\": must not be empty: invalid argument")]
    [InlineData("tasks", "envelope topic \"tasks\": must start with '/': invalid argument")]
    [InlineData("/", "envelope topic \"/\": must have at least one component: invalid argument")]
    public void BadTopics(string topic, string text) =>
        Assert.Equal(text, Assert.Throws<RpcException>(() => new EventExchange().Forward(Event(topic))).Message);

    [Fact]
    public void BadEnvelopes()
    {
        EventsService service = new(new EventExchange());
        Assert.Throws<RpcException>(() => service.Forward(new ForwardRequest()));
        Assert.Throws<RpcException>(() => service.Forward(new ForwardRequest { Envelope = Event("/a/../b") }));
        Assert.Throws<RpcException>(() => service.Forward(new ForwardRequest { Envelope = Event("/a", "x/y") }));
    }

    private static List<string> Read(EventExchange.Subscription subscription)
    {
        List<string> topics = [];
        while (subscription.Events.TryRead(out Envelope? envelope))
            topics.Add(envelope.Topic);
        return topics;
    }
}
