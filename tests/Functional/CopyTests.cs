namespace AotRuntime.Tests.Functional;

/// <summary><c>docker cp</c> with both clients, running containers and stopped ones.</summary>
public class CopyTests(StackFixture fixture) : IClassFixture<StackFixture>
{
    private Stack Stack => fixture.Stack;

    [Theory]
    [InlineData(false, true)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public void Files_and_folders_go_in_and_come_out_again(bool realClient, bool running)
    {
        using TempDir dir = new();
        Directory.CreateDirectory(dir.File("tree/sub"));
        File.WriteAllText(dir.File("tree/one"), "one\n");
        File.WriteAllText(dir.File("tree/sub/zwei-ü"), new string('x', 300_000));
        File.SetUnixFileMode(dir.File("tree/one"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.CreateSymbolicLink(dir.File("tree/link"), "one");
        string id = Make(running);
        CommandResult Docker(params string[] arguments) => realClient ? Stack.RealDocker(arguments) : Stack.Docker(arguments);

        Docker("cp", dir.File("tree"), id + ":/home").Succeeded();
        Docker("cp", dir.File("tree/one"), id + ":/home/renamed").Succeeded();
        Docker("cp", id + ":/home/tree", dir.File("back")).Succeeded();
        Docker("cp", id + ":/home/renamed", dir.File("back/renamed")).Succeeded();

        Assert.Equal("one\n", File.ReadAllText(dir.File("back/one")));
        Assert.Equal("one\n", File.ReadAllText(dir.File("back/renamed")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserExecute, File.GetUnixFileMode(dir.File("back/one")));
        Assert.Equal(300_000, File.ReadAllText(dir.File("back/sub/zwei-ü")).Length);
        Assert.Equal("one", new FileInfo(dir.File("back/link")).LinkTarget);
        CommandResult missing = Docker("cp", id + ":/nowhere", dir.File("x")).Exited(1);
        Assert.Contains("Could not find the file /nowhere in container", missing.Error);
        Stack.Docker("rm", "-f", id).Succeeded();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_link_that_points_outside_stays_inside(bool running)
    {
        using TempDir dir = new();
        File.WriteAllText(dir.File("payload"), "from the host\n");
        string id = Make(running, "mkdir -p /home/escape; ln -s / /home/root; ln -s ../../../../../../etc /home/up; ln -s /proc/1/root /home/magic");

        // Read through the links: the container's own passwd, which knows of nobody but two users.
        string read = Stack.RealDocker("cp", id + ":/home/root/etc/passwd", "-").Succeeded().Output;
        Assert.Contains("root:x:0:0:root:/root:/bin/sh", read);
        Assert.DoesNotContain("systemd", read);
        Assert.Contains("nobody:x:65534", Stack.RealDocker("cp", id + ":/home/up/passwd", "-").Succeeded().Output);
        Stack.RealDocker("cp", id + ":/home/magic/etc/passwd", "-").Exited(1);

        // Write through them.
        string marker = "aot-" + Guid.NewGuid().ToString("n");
        Stack.RealDocker("cp", dir.File("payload"), $"{id}:/home/root/tmp/{marker}").Succeeded();
        Assert.False(File.Exists("/tmp/" + marker));
        Assert.Contains("from the host", Stack.RealDocker("cp", $"{id}:/tmp/{marker}", "-").Succeeded().Output);
        Stack.Docker("rm", "-f", id).Succeeded();
    }

    [Fact]
    public void Copies_reach_into_volumes_and_respect_read_only()
    {
        using TempDir dir = new();
        File.WriteAllText(dir.File("f"), "in the volume\n");
        string id = Stack.Docker("create", "-v", "cpvolume:/data", "-v", "cpvolume:/ro:ro", "--read-only", "busybox", "cat", "/data/f").Succeeded().Output.Trim();
        Stack.RealDocker("cp", dir.File("f"), id + ":/data/f").Succeeded();
        Assert.Contains("marked read-only", Stack.RealDocker("cp", dir.File("f"), id + ":/ro/g").Exited(1).Error);
        Assert.Contains("marked read-only", Stack.RealDocker("cp", dir.File("f"), id + ":/tmp/g").Exited(1).Error);
        Assert.Equal("in the volume\n", Stack.Docker("start", "-a", id).Succeeded().Output);
        Stack.Docker("rm", "-v", id).Succeeded();
        Stack.Docker("volume", "rm", "cpvolume").Succeeded();
    }

    [Fact]
    public void An_export_is_a_tar_of_the_root()
    {
        using TempDir dir = new();
        string id = Make(running: true);
        Stack.RealDocker("export", "-o", dir.File("root.tar"), id).Succeeded();
        string list = new Command("tar", "-tf", dir.File("root.tar")).Run().Succeeded().Output;
        Assert.Contains("\netc/passwd\n", list);
        Assert.Contains("\nproc/\n", list);
        Assert.DoesNotContain("proc/1/", list);
        Stack.Docker("rm", "-f", id).Succeeded();
    }

    private string Make(bool running, string script = "true")
    {
        string id = Stack.Docker("run", "-d", "busybox", "sh", "-c", running ? script + "; touch /ready; sleep 1000" : script).Succeeded().Output.Trim();
        if (running)
            Stack.Dockerd.WaitUntil(() => Stack.Docker("exec", id, "test", "-e", "/ready").ExitCode == 0, "the container");
        else
            Stack.Docker("wait", id).Succeeded();
        return id;
    }
}
