using AotRuntime.Containerd;
using AotRuntime.Rpc;

namespace AotRuntime.Tests.Unit.Containerd;

public sealed class FilterTests
{
    private static bool Matches(string filter) => Filter.Parse([filter]).Matches(Fields);

    private static string? Fields(ReadOnlySpan<string> path) => path switch
    {
        ["name"] => "docker.io/library/busybox:latest",
        ["namespace"] => "moby",
        ["topic"] => "/tasks/exit",
        ["labels", ..] => string.Join('.', path[1..].ToArray()) switch
        {
            "a.b/c" => "x,y",
            "empty" => "",
            _ => null,
        },
        _ => null,
    };

    [Theory]
    [InlineData("", true)]
    [InlineData("name", true)]
    [InlineData("none", false)]
    [InlineData("labels.empty", true)]
    [InlineData("name==docker.io/library/busybox:latest", true)]
    [InlineData("name==busybox", false)]
    [InlineData("name!=busybox", true)]
    [InlineData("none!=x", true)]
    [InlineData("none==", false, true)]
    [InlineData("namespace==moby,topic~=|^/tasks/|", true)]
    [InlineData("namespace==k8s,topic~=|^/tasks/|", false)]
    [InlineData("namespace==moby, topic~=/exit$/", true)]
    [InlineData("topic~=exit$", true)]
    [InlineData("topic~=\"^/tasks/(exit|oom)$\"", true)]
    [InlineData("labels.\"a.b/c\"==\"x,y\"", true)]
    [InlineData("labels.\"a.b/c\"==\"x\\u002cy\"", true)]
    [InlineData("topic~=|q\\|zz|", false)]
    [InlineData("topic~=|q\\|exit|", true)]
    [InlineData("topic~=|\\.exit|", false)]
    public void Selectors(string filter, bool expected, bool invalid = false)
    {
        if (invalid)
            Assert.Equal(RpcStatus.InvalidArgument, Assert.Throws<RpcException>(() => Matches(filter)).Status);
        else
            Assert.Equal(expected, Matches(filter));
    }

    [Theory]
    [InlineData("==x")]
    [InlineData("name=x")]
    [InlineData("name==x,")]
    [InlineData("name==")]
    [InlineData("name==\"x")]
    [InlineData("name==\"\\q\"")]
    [InlineData("topic~=|(|")]
    [InlineData("9name==x")]
    [InlineData("name.==x")]
    public void NotAFilter_IsAnInvalidArgument(string filter)
    {
        RpcException e = Assert.Throws<RpcException>(() => Matches(filter));
        Assert.Equal(RpcStatus.InvalidArgument, e.Status);
        Assert.StartsWith("filters: parse error:", e.Message, StringComparison.Ordinal);
        Assert.EndsWith(": invalid argument", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SeveralFilters_AreAlternatives()
    {
        Assert.True(Filter.Parse(["namespace==x", "namespace==moby"]).Matches(Fields));
        Assert.False(Filter.Parse(["namespace==x", "namespace==y"]).Matches(Fields));
        Assert.True(Filter.Parse([]).Matches(Fields));
    }

    [Fact]
    public void EveryCutOffFilter_IsReadOrRefused()
    {
        const string whole = "labels.\"a\\\"b\"==\"x\\n\\u00e9\",topic~=|^/tasks/\\||";
        for (int length = 0; length < whole.Length; length++)
        {
            try
            {
                Filter.Parse([whole[..length]]);
            }
            catch (RpcException e)
            {
                Assert.Equal(RpcStatus.InvalidArgument, e.Status);
            }
        }
        Filter.Parse([whole]);
    }
}
