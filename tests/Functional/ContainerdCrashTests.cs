using System.Diagnostics;
using System.Security.Cryptography;

namespace AotRuntime.Tests.Functional;

/// <summary>A containerd that is killed at any moment, or finds its database damaged.</summary>
public class ContainerdCrashTests(ITestOutputHelper output)
{
    private const string Busybox = "127.0.0.1:5000/busybox:latest";
    private const string Quirks = "127.0.0.1:5000/quirks:latest";
    private const int Rounds = 12;

    [Fact]
    public void A_pull_that_kill_9_breaks_off_leaves_nothing_wrong_and_is_finished_by_the_next()
    {
        using ContainerdStack stack = Stack();
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        Random random = new(seed);
        for (int round = 0; round < Rounds; round++)
        {
            using (Process pull = new Command(Programs.Peer("ctr"), "--address", stack.Socket, "--namespace", stack.Namespace, "images", "pull", "--plain-http", Quirks) { NetworkOf = stack.NetworkOf }.Start())
            {
                Thread.Sleep(random.Next(0, 400));
                stack.Daemon.Kill();
                pull.Kill();
                pull.WaitForExit();
            }
            stack.StartAgain();
            AssertBlobsAreWhatTheirNamesSay(stack);
            // A name leads to a whole image, or is not there.
            if (stack.Ctr("images", "ls", "-q").Succeeded().Output.Length > 0)
                Assert.Contains("complete (", stack.Ctr("images", "check").Succeeded().Output);
            if (round % 3 == 2)
            {
                stack.Ctr("images", "pull", "--plain-http", Quirks).Succeeded();
                Assert.Equal("back\n", stack.Ctr("run", "--rm", Quirks, $"r{round}", "busybox", "cat", "/a/gone").Succeeded().Output);
                stack.Ctr("images", "rm", "--sync", Quirks).Succeeded();
            }
        }
        stack.Ctr("images", "pull", "--plain-http", Quirks).Succeeded();
        int records = stack.Ctr("snapshots", "ls").Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length - 1;
        stack.Daemon.WaitUntil(() => Folders(stack).Length == records, $"{records} snapshot folders");
        stack.AssertNothingLeft();
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("half")]
    [InlineData("empty")]
    [InlineData("gone")]
    [InlineData("folder")]
    public void A_damaged_database_is_set_aside_and_running_tasks_stay_in_reach(string damage)
    {
        using ContainerdStack stack = Stack();
        stack.Ctr("images", "pull", "--plain-http", Busybox).Succeeded();
        stack.Ctr("run", "-d", "--null-io", Busybox, "b5", "sleep", "1000").Succeeded();
        // An orderly end folds the write-ahead log into the file, so that the damage is all that there is.
        stack.Daemon.Stop();
        string database = stack.Dir.File("root/io.containerd.metadata.v1.sqlite/meta.db");
        Damage(database, damage);
        stack.StartAgain();

        Assert.Contains("set aside", stack.Daemon.Log);
        // An empty file is a valid database with nothing in it, and so is a new one.
        string mark = damage is "empty" or "gone" ? "meta.db.lost-*" : "meta.db.corrupt-*";
        Assert.NotEmpty(Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(database)!, mark));
        Assert.Contains("RUNNING", stack.Ctr("tasks", "ls").Succeeded().Output);
        Assert.Equal("in\n", stack.Ctr("tasks", "exec", "--exec-id", "e1", "b5", "echo", "in").Succeeded().Output);
        stack.Ctr("tasks", "kill", "-s", "KILL", "b5").Succeeded();
        stack.WaitFor(list => list.Contains("STOPPED", StringComparison.Ordinal), "tasks", "ls");
        Assert.Contains("exit code 137", stack.Ctr("tasks", "rm", "b5").Succeeded().Error);
        stack.Ctr("containers", "rm", "b5").Succeeded();
        stack.Ctr("images", "pull", "--plain-http", Busybox).Succeeded();
        Assert.Equal("again\n", stack.Ctr("run", "--rm", Busybox, "b6", "sh", "-c", "echo again; sleep 0.2").Succeeded().Output);
        stack.AssertNothingLeft();
    }

    [Fact]
    public void The_store_of_another_containerd_on_the_same_root_is_left_alone()
    {
        using ContainerdStack stack = new(Programs.Peer("containerd"), Programs.Peer("containerd-shim-runc-v2"), Programs.Peer("runc"));
        stack.Ctr("images", "pull", "--plain-http", Busybox).Succeeded();
        bool pull = true;
        foreach (string containerd in (string[])[Programs.Ours("containerd"), Programs.Ours("containerd"), Programs.Peer("containerd")])
        {
            stack.Daemon.Stop();
            stack.StartAgain(containerd);
            if (pull)
                stack.Ctr("images", "pull", "--plain-http", Busybox).Succeeded();
            pull = false;
            Assert.Equal("there\n", stack.Ctr("run", "--rm", Busybox, "b7", "sh", "-c", "echo there; sleep 0.2").Succeeded().Output);
        }
    }

    private static void Damage(string database, string how)
    {
        foreach (string suffix in (string[])["-wal", "-shm"])
            File.Delete(database + suffix);
        switch (how)
        {
            case "garbage":
                File.WriteAllBytes(database, RandomNumberGenerator.GetBytes(20_000));
                break;
            case "half":
                byte[] whole = File.ReadAllBytes(database);
                File.WriteAllBytes(database, whole[..(whole.Length / 2)]);
                break;
            case "empty":
                File.WriteAllBytes(database, []);
                break;
            case "gone":
                File.Delete(database);
                break;
            default:
                File.Delete(database);
                Directory.CreateDirectory(database);
                break;
        }
    }

    private static void AssertBlobsAreWhatTheirNamesSay(ContainerdStack stack)
    {
        foreach (string blob in Directory.EnumerateFiles(stack.Dir.File("root/io.containerd.content.v1.content/blobs/sha256")))
            Assert.Equal(Path.GetFileName(blob), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(blob))));
    }

    private static string[] Folders(ContainerdStack stack) =>
        Directory.GetDirectories(stack.Dir.File("root/io.containerd.snapshotter.v1.overlayfs/snapshots"));

    private static ContainerdStack Stack() =>
        new(Programs.Ours("containerd"), Programs.Ours("containerd-shim-runc-v2"), Programs.Ours("runc"));
}
