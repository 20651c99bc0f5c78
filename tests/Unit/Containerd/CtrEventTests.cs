using AotRuntime.Containerd.Ctr;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf.WellKnownTypes;
using Xunit;

namespace AotRuntime.Tests.Unit.Containerd;

public sealed class CtrEventTests
{
    [Fact]
    public void PrintsAsGoDoes()
    {
        Assert.Equal("""{"container_id":"c1","id":"c1","pid":42,"exit_status":137,"exited_at":{"seconds":5,"nanos":7}}""", CtrEvents.Json(new TaskExit
        {
            ContainerId = "c1",
            Id = "c1",
            Pid = 42,
            ExitStatus = 137,
            ExitedAt = new Timestamp { Seconds = 5, Nanos = 7 },
        }));
        Assert.Equal("""{"container_id":"c1","bundle":"/b","rootfs":[{"type":"bind","source":"/s","options":["ro"]}],"io":{"terminal":true},"pid":1}""", CtrEvents.Json(new TaskCreate
        {
            ContainerId = "c1",
            Bundle = "/b",
            Rootfs = { new Mount { Type = "bind", Source = "/s", Options = { "ro" } } },
            Io = new TaskIO { Terminal = true },
            Pid = 1,
        }));
        Assert.Equal("""{"id":"c","labels":{"a":"1","b":"2"}}""", CtrEvents.Json(new ContainerUpdate { Id = "c", Labels = { { "b", "2" }, { "a", "1" } } }));
        Assert.Equal("{}", CtrEvents.Json(new SnapshotRemove()));
    }
}
