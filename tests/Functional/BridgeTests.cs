namespace AotRuntime.Tests.Functional;

/// <summary>The default bridge, published ports and named volumes.</summary>
public class BridgeTests
{
    [Fact]
    public void A_published_web_server_from_birth_to_removal()
    {
        using Stack stack = new();
        string rulesBefore = stack.Network.Run("nft", "list", "ruleset").Output;
        string linksBefore = Links(stack);

        string id = stack.Docker("run", "-d", "--name", "web", "-p", "127.0.0.1:0:80", "-p", "127.0.0.1:0:53/udp", "-v", "data:/data", "busybox", "httpd", "-f", "-h", "/var/www").Succeeded().Output.Trim();
        string published = stack.Docker("port", "web", "80").Succeeded().Output.Trim();
        Assert.Matches(@"^127\.0\.0\.1:\d+$", published);
        Assert.Contains("53/udp -> 127.0.0.1:", stack.Docker("port", "web").Succeeded().Output);
        string address = stack.Docker("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "web").Succeeded().Output.Trim();
        Assert.Matches(@"^172\.\d+\.\d+\.\d+$", address);

        WaitForPage(stack, "http://" + published);
        WaitForPage(stack, $"http://{address}");
        Assert.Equal("hello from busybox\n", stack.Docker("run", "--rm", "busybox", "wget", "-qO-", $"http://{address}").Succeeded().Output);

        Assert.Contains(address, stack.Docker("exec", "web", "cat", "/etc/hosts").Succeeded().Output);
        stack.Docker("exec", "web", "sh", "-c", "echo kept >/data/f; echo logged >/proc/1/fd/1").Succeeded();
        using (Daemon logs = new(stack.DockerCommand("logs", "-f", "web")))
        {
            logs.WaitUntil(() => logs.Log.Contains("logged", StringComparison.Ordinal), "line in logs -f");
            stack.Docker("stop", "-t", "1", "web").Succeeded();
            logs.WaitUntilExited();
        }
        Assert.NotEqual(0, stack.Curl("-f", "--max-time", "2", "http://" + published).ExitCode);
        stack.Docker("start", "web").Succeeded();
        published = stack.Docker("port", "web", "80").Succeeded().Output.Trim();
        WaitForPage(stack, "http://" + published);
        Assert.Equal("kept\n", stack.Docker("exec", "web", "cat", "/data/f").Succeeded().Output);
        Assert.Equal("kept\n", stack.Docker("run", "--rm", "-v", "data:/again", "busybox", "cat", "/again/f").Succeeded().Output);

        // A named volume outlives rm -v; an anonymous one does not.
        stack.Docker("rm", "-f", "-v", "web").Succeeded();
        Assert.Equal("data\n", stack.Docker("volume", "ls", "-q").Succeeded().Output);
        stack.Docker("volume", "rm", "data").Succeeded();
        Assert.Empty(Directory.EnumerateDirectories(stack.Dir.File("data/volumes")));
        Leftovers.AssertNone(stack);
        Assert.Equal(linksBefore, Links(stack));
        Assert.Equal(rulesBefore, stack.Network.Run("nft", "list", "ruleset").Output);
    }

    [Fact]
    public void A_port_published_on_every_address_serves_the_host_other_containers_and_the_container_itself()
    {
        using Stack stack = new();
        stack.Docker("run", "-d", "--name", "web", "-p", "80", "busybox", "httpd", "-f", "-h", "/var/www").Succeeded();
        string port = stack.Docker("port", "web", "80").Succeeded().Output.Split('\n')[0].Split(':')[^1];
        string gateway = stack.Docker("inspect", "-f", "{{.NetworkSettings.Networks.bridge.Gateway}}", "web").Succeeded().Output.Trim();
        WaitForPage(stack, $"http://127.0.0.1:{port}");
        WaitForPage(stack, $"http://[::1]:{port}");
        WaitForPage(stack, $"http://{gateway}:{port}");
        Assert.Equal("hello from busybox\n", stack.Docker("run", "--rm", "busybox", "wget", "-qO-", $"http://{gateway}:{port}").Succeeded().Output);
        Assert.Equal("hello from busybox\n", stack.Docker("exec", "web", "wget", "-qO-", $"http://{gateway}:{port}").Succeeded().Output);
    }

    [Fact]
    public void None_has_only_loopback_and_host_shares_the_namespace()
    {
        using Stack stack = new();
        Assert.Equal("lo\n", stack.Docker("run", "--rm", "--network", "none", "busybox", "ls", "/sys/class/net").Succeeded().Output);
        string host = stack.Docker("run", "--rm", "--network", "host", "busybox", "readlink", "/proc/self/ns/net").Succeeded().Output.Trim();
        Assert.Equal(new FileInfo($"/proc/{stack.Network.Pid}/ns/net").LinkTarget, host);
    }

    private static string Links(Stack stack) =>
        string.Join('\n', stack.Network.Run("ip", "-o", "link").Output.Split('\n').Select(l => l.Split(':').ElementAtOrDefault(1)?.Trim()));

    private static void WaitForPage(Stack stack, string url)
    {
        for (int i = 0; i < 50; i++)
        {
            if (stack.Curl("-gf", "--max-time", "2", url).Output == "hello from busybox\n")
                return;
            Thread.Sleep(100);
        }
        Assert.Fail($"no page at {url}: {stack.Curl("-v", "--max-time", "2", url)}\n{stack.Network.Run("nft", "list", "ruleset")}");
    }
}
