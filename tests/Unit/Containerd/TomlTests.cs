using AotRuntime.Containerd;

namespace AotRuntime.Tests.Unit.Containerd;

public sealed class TomlTests
{
    private const string DockerdsOwn =
        """
        disabled_plugins = ["io.containerd.grpc.v1.cri"]
        imports = []
        oom_score = 0
        required_plugins = []
        root = "/var/lib/docker/containerd/daemon"
        state = '/run/docker/containerd/daemon' # literal
        version = 2

        [cgroup]
          path = ""

        [debug]
          address = "/run/docker/containerd/containerd-debug.sock"
          gid = 0
          level = "debug"

        [grpc]
          address = "/run/docker/containerd/containerd.sock"
          gid = 0x3E7
          max_recv_message_size = 16_777_216

        [plugins]

          [plugins."io.containerd.gc.v1.scheduler"]
            pause_threshold = 0.02
            list = [
              "a", # one
              'b',
            ]

        [timeouts]
          "io.containerd.timeout.shim.cleanup" = "5s"
        """;

    [Fact]
    public void TheConfigurationThatDockerdWrites_IsRead()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, DockerdsOwn);
            ContainerdConfig config = ContainerdConfig.Load(path);
            Assert.Equal("/var/lib/docker/containerd/daemon", config.Root);
            Assert.Equal("/run/docker/containerd/daemon", config.State);
            Assert.Equal("/run/docker/containerd/containerd.sock", config.Address);
            Assert.Equal("/run/docker/containerd/containerd.sock.ttrpc", config.TtrpcAddress);
            Assert.Equal(999u, config.Gid);
            Assert.Equal("debug", config.LogLevel);
            Assert.Equal(["io.containerd.grpc.v1.cri"], config.DisabledPlugins);
            Assert.Contains("grpc.max_recv_message_size", config.Unknown);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Values()
    {
        Dictionary<string, object> root = Toml.Parse(
            "a.\"b.c\" = -1\nf = 1.5e3\nt = true\nd = 1979-05-27T07:32:00Z\ni = { x = [1, [2]], y = '' }\n"
            + "m = \"\"\"\nl1\\\n   l2\"\"\"\r\nu = \"\\u00e9\\t\\\"\"\n[[p]]\nn = 1\n[[p]]\nn = 2\n[p.q]\nr = 3\n");
        Assert.Equal(-1L, ((Dictionary<string, object>)root["a"])["b.c"]);
        Assert.Equal(1500d, root["f"]);
        Assert.Equal(true, root["t"]);
        Assert.Equal("1979-05-27T07:32:00Z", root["d"]);
        Assert.Equal("l1l2", root["m"]);
        Assert.Equal("é\t\"", root["u"]);
        var p = (List<object>)root["p"];
        Assert.Equal(2, p.Count);
        Assert.Equal(3L, ((Dictionary<string, object>)((Dictionary<string, object>)p[1])["q"])["r"]);
    }

    [Theory]
    [InlineData("a = ")]
    [InlineData("a = 1\na = 2")]
    [InlineData("a = \"x")]
    [InlineData("a = 1 b = 2")]
    [InlineData("[a")]
    [InlineData("a = 1\n[a]")]
    [InlineData("a = [1 2]")]
    [InlineData("= 1")]
    [InlineData("a = \"\\ud800\"")]
    public void Broken_IsRefused(string text) => Assert.ThrowsAny<FormatException>(() => Toml.Parse(text));

    [Fact]
    public void DeepNesting_IsRefused() => Assert.ThrowsAny<FormatException>(() => Toml.Parse("a = " + new string('[', 100_000)));

    [Fact]
    public void EveryCutOffFile_IsReadOrRefused()
    {
        for (int length = 0; length < DockerdsOwn.Length; length++)
        {
            try
            {
                Toml.Parse(DockerdsOwn[..length]);
            }
            catch (FormatException e)
            {
                Assert.StartsWith("(", e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void TheDefaultConfiguration_ReadsBack()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, new ContainerdConfig().ToToml());
            Assert.Empty(ContainerdConfig.Load(path).Unknown);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
