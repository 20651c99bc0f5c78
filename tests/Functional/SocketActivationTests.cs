namespace AotRuntime.Tests.Functional;

/// <summary>dockerd on a socket that it was started with, as systemd starts it (<c>-H fd://</c>).</summary>
public sealed class SocketActivationTests
{
    /// <summary>Opens a socket, hands it on as systemd would (man 3 sd_listen_fds), and becomes the program.</summary>
    private const string Activate =
        """
        import os, socket, sys
        s = socket.socket(socket.AF_UNIX)
        s.bind(sys.argv[1])
        s.listen(16)
        os.dup2(s.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="docker.socket")
        os.execv(sys.argv[2], sys.argv[2:])
        """;

    [Fact]
    public void Clients_are_served_and_the_socket_stays()
    {
        using TempDir dir = new();
        using NetNamespace network = new();
        string socket = dir.File("given.sock");
        using (Daemon dockerd = new(new Command(
            "/usr/bin/python3", "-c", Activate, socket, Programs.Ours("dockerd"), "-H", "fd://",
            "--data-root", dir.File("data"), "--exec-root", dir.File("exec"), "--pidfile", dir.File("d.pid"))
        { NetworkOf = network.Pid }))
        {
            dockerd.WaitUntil(() => new Command("curl", "-sf", "--unix-socket", socket, "http://d/_ping").Run().ExitCode == 0, "API");
            foreach (string client in (string[])[Programs.Peer("docker"), Programs.Ours("docker")])
                Assert.Contains("Server:", new Command(client, "-H", $"unix://{socket}", "version").Run().Succeeded().Output);
            dockerd.Stop();
        }
        Leftovers.KillProcessesOf(dir.Path);
        Assert.True(File.Exists(socket)); // it is systemd's
    }

    [Fact]
    public void Without_a_socket_it_says_so()
    {
        using TempDir dir = new();
        CommandResult result = new Command(
            Programs.Ours("dockerd"), "-H", "fd://", "--data-root", dir.File("data"), "--exec-root", dir.File("exec"), "--pidfile", dir.File("d.pid")).Run().Exited(1);
        Assert.Contains("no sockets found via socket activation: make sure the service was started by systemd", result.Error);
    }
}
