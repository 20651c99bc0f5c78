using System.Diagnostics;
using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional;

/// <summary>What users' scripts rely on: exit codes and texts of failures, what goes where, what lies inside a container. With both clients.</summary>
public class ScriptTests(StackFixture fixture) : IClassFixture<StackFixture>
{
    private readonly Stack _stack = fixture.Stack;

    [Theory]
    [InlineData(false, 125, "failed to set up container networking: network nosuch not found", "--network", "nosuch")]
    [InlineData(true, 125, "failed to set up container networking: network nosuch not found", "--network", "nosuch")]
    [InlineData(true, 125, "joining network namespace of container: No such container: nosuch", "--network", "container:nosuch")]
    [InlineData(true, 125, "No such container: nosuch", "--volumes-from", "nosuch")]
    [InlineData(true, 125, "No such container: nosuch", "--pid", "container:nosuch")]
    [InlineData(true, 125, "could not get container for nosuch: No such container: nosuch", "--link", "nosuch")]
    [InlineData(true, 125, "invalid CapAdd: unknown capability: \"CAP_BOGUS\"", "--cap-add", "bogus")]
    [InlineData(true, 125, "Requested CPUs are not available - requested 777, available: ", "--cpuset-cpus", "777")]
    [InlineData(true, 125, "invalid signal: BOGUS", "--stop-signal", "BOGUS")]
    [InlineData(true, 125, "--storage-opt is supported only for overlay over xfs", "--storage-opt", "size=1G")]
    [InlineData(true, 125, "error looking up logging plugin bogus: plugin \"bogus\" not found", "--log-driver", "bogus")]
    [InlineData(false, 125, "is not a valid mac address", "--mac-address", "bogus")]
    [InlineData(false, 125, "invalid spec: :/b: empty section between colons", "-v", ":/b")]
    public void A_run_that_cannot_be_says_why_and_pulls_nothing(bool realClient, int code, string text, string flag, string value)
    {
        _stack.Docker("pull", "-q", "busybox").Succeeded();
        CommandResult result = Client(realClient, "run", "--rm", flag, value, "busybox", "true").Exited(code);
        Assert.Contains(text, result.Error);
        Assert.DoesNotContain("Unable to find image", result.Error);
        Assert.Empty(_stack.Docker("ps", "-aq").Succeeded().Output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_image_of_another_platform_is_not_run_in_its_place(bool realClient)
    {
        _stack.Docker("pull", "-q", "busybox").Succeeded();
        CommandResult result = Client(realClient, "run", "--rm", "--platform", "linux/arm64", "busybox", "true").Exited(125);
        Assert.Contains("was found but does not match the specified platform", result.Error);
        Client(realClient, "run", "--rm", "--platform", "linux/amd64", "busybox", "true").Succeeded();
    }

    [Fact]
    public void A_container_bears_dockers_marks() => Assert.Equal(
        "/.dockerenv\n/proc/mounts\n",
        _stack.Docker("run", "--rm", "busybox", "sh", "-c", "ls /.dockerenv; readlink /etc/mtab").Succeeded().Output);

    [Fact]
    public void A_link_names_the_other_container()
    {
        _stack.Docker("run", "-d", "--name", "linked", "busybox", "httpd", "-f", "-h", "/var/www").Succeeded();
        try
        {
            Assert.Equal("hello from busybox\n", _stack.Docker("run", "--rm", "--link", "linked:web", "busybox", "wget", "-qO-", "http://web").Succeeded().Output);
        }
        finally
        {
            _stack.Docker("rm", "-f", "linked");
        }
        Leftovers.AssertNone(_stack);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Signals_reach_the_container_and_its_exit_code_the_caller(bool realClient)
    {
        using Daemon run = new(_stack.ClientCommand(realClient ? Programs.Peer("docker") : Programs.Ours("docker"),
            "run", "--rm", "busybox", "sh", "-c", "trap 'echo got it; exit 42' USR1; echo ready; while :; do sleep 0.1; done"));
        run.WaitUntil(() => run.Log.Contains("ready", StringComparison.Ordinal), "container");
        run.Signal("USR1");
        Assert.Equal(42, run.WaitUntilExited());
        Assert.Contains("got it", run.Log);
        Leftovers.AssertNone(_stack);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Errors_of_exec_and_of_life_cycle_name_what_the_user_named(bool realClient)
    {
        _stack.Docker("run", "-d", "--name", "errs", "busybox", "sleep", "1000").Succeeded();
        try
        {
            CommandResult exec = Client(realClient, "exec", "-u", "nosuch", "errs", "id").Exited(1);
            Assert.Equal(("", "Error response from daemon: unable to find user nosuch: no matching entries in passwd file\n"), (exec.Output, exec.Error));
            Assert.Equal(
                "Error response from daemon: cannot remove container \"errs\": container is running: stop the container before removing or force remove\n",
                Client(realClient, "rm", "errs").Exited(1).Error);
            Assert.Equal("Error response from daemon: cannot kill container: errs: invalid signal: BOGUS\n", Client(realClient, "kill", "-s", "BOGUS", "errs").Exited(1).Error);
            Client(realClient, "pause", "errs").Succeeded();
            Assert.Equal("Error response from daemon: Container errs is paused, unpause the container before exec\n", Client(realClient, "exec", "errs", "true").Exited(1).Error);
            Client(realClient, "unpause", "errs").Succeeded();
            Assert.Equal("<>\n", Client(realClient, "inspect", "-f", "<{{index .Config.Labels \"none\"}}>", "errs").Succeeded().Output);
        }
        finally
        {
            _stack.Docker("rm", "-f", "errs");
        }
    }

    [Fact]
    public void Login_asks_the_registry_and_keeps_the_credentials()
    {
        _stack.Docker("login", "-u", "me", "-p", "secret", "127.0.0.1:5000").Succeeded();
        JsonNode config = JsonNode.Parse(File.ReadAllText(_stack.Dir.File("config/config.json")))!;
        Assert.Equal("me:secret", System.Text.Encoding.UTF8.GetString(Convert.FromBase64String((string)config["auths"]!["127.0.0.1:5000"]!["auth"]!)));
        Assert.Contains("connection refused", _stack.Docker("login", "-u", "me", "-p", "secret", "127.0.0.1:1").Exited(1).Error);
        _stack.Docker("logout", "127.0.0.1:5000").Succeeded();
    }

    [Fact]
    public void Many_at_once_each_get_an_address_of_their_own_and_leave_nothing()
    {
        const int Many = 16;
        _stack.Docker("pull", "-q", "busybox").Succeeded();
        Process[] runs = [.. Enumerable.Range(0, Many).Select(i => _stack.DockerCommand("run", "--rm", "-p", "127.0.0.1:0:80", "busybox", "sh", "-c", $"hostname -i; sleep 1; exit {i}").Start())];
        List<string> addresses = [];
        for (int i = 0; i < Many; i++)
        {
            using Process run = runs[i];
            string output = run.StandardOutput.ReadToEnd(), error = run.StandardError.ReadToEnd();
            Assert.True(run.WaitForExit(TimeSpan.FromSeconds(60)), "still running: " + error);
            Assert.True(run.ExitCode == i, error);
            addresses.Add(output.Trim());
        }
        Assert.Equal(Many, addresses.Distinct().Count());
        Assert.All(addresses, a => Assert.Matches(@"^172\.\d+\.\d+\.\d+$", a));
        Leftovers.AssertNone(_stack);
    }

    private CommandResult Client(bool real, params string[] arguments) => real ? _stack.RealDocker(arguments) : _stack.Docker(arguments);
}
