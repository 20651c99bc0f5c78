namespace AotRuntime.Tests.Functional;

/// <summary>A shell in a container, typed at through a real terminal.</summary>
public class TerminalTests(StackFixture fixture) : IClassFixture<StackFixture>
{
    private readonly Stack _stack = fixture.Stack;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_shell_answers_follows_a_resize_and_can_be_left_running(bool realClient)
    {
        _stack.Docker("pull", "-q", "busybox").Succeeded();
        using Pty pty = new(30, 90);
        using Daemon shell = pty.Start(realClient ? Programs.Peer("docker") : Programs.Ours("docker"), ["run", "-it", "--name", "tty", "busybox", "sh"],
            new Dictionary<string, string?> { ["DOCKER_HOST"] = "unix://" + _stack.Socket }, _stack.Network.Pid);
        try
        {
            int at = pty.WaitFor("/ # ");
            pty.Type("echo $((6*7)); tty\n");
            at = pty.WaitFor("42\r\n", at);
            at = pty.WaitFor("/dev/pts/0", at);
            // The first size is set after the start; the shell sees it a moment later.
            Eventually(pty, "30 90");
            pty.Resize(44, 132);
            shell.Signal("WINCH");
            Eventually(pty, "44 132");
            pty.Type("\u0010\u0011");
            Assert.Equal(0, shell.WaitUntilExited());
            Assert.Equal("true\n", _stack.Docker("inspect", "-f", "{{.State.Running}}", "tty").Succeeded().Output);

            using Daemon again = pty.Start(Programs.Ours("docker"), ["attach", "tty"], new Dictionary<string, string?> { ["DOCKER_HOST"] = "unix://" + _stack.Socket }, _stack.Network.Pid);
            at = pty.Screen.Length;
            pty.Type("\necho back\n");
            at = pty.WaitFor("back\r\n", at);
            pty.Type("exit 5\n");
            Assert.Equal(5, again.WaitUntilExited());
        }
        finally
        {
            _stack.Docker("rm", "-f", "tty");
        }
    }

    [Fact]
    public void A_terminal_is_asked_for_where_there_is_none() =>
        Assert.Contains("the input device is not a TTY", _stack.Docker("run", "--rm", "-it", "busybox", "true").Exited(1).Error);

    private static void Eventually(Pty pty, string size)
    {
        for (int i = 0; i < 40; i++)
        {
            int at = pty.Screen.Length;
            pty.Type("stty size\n");
            Thread.Sleep(250);
            if (pty.Screen.IndexOf(size, at, StringComparison.Ordinal) >= 0)
                return;
        }
        Assert.Fail($"stty never said {size}:\n{pty.Screen}");
    }
}
