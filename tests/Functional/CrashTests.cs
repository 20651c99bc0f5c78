using System.Diagnostics;

namespace AotRuntime.Tests.Functional;

/// <summary>A daemon that is killed while containers start and end.</summary>
public class CrashTests(ITestOutputHelper output)
{
    private const int Rounds = 15;
    private const int PerRound = 3;

    [Fact]
    public void Exit_codes_and_output_survive_kill_9_at_any_moment()
    {
        using Stack stack = new();
        stack.Docker("run", "--rm", "busybox", "true").Succeeded();
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        Random random = new(seed);
        for (int round = 0; round < Rounds; round++)
        {
            string[] names = [.. Enumerable.Range(0, PerRound).Select(i => $"r{round}-{i}")];
            for (int i = 0; i < PerRound; i++)
            {
                string script = $"echo begin; sleep 0.{random.Next(0, 30):00}; echo end >&2; exit {Code(round, i)}";
                stack.Docker("create", "--name", names[i], "busybox", "sh", "-c", script).Succeeded();
            }
            using (Process start = stack.DockerCommand(["start", .. names]).Start())
            {
                Thread.Sleep(random.Next(0, 700));
                stack.RestartDockerd(kill: true);
                start.WaitForExit();
            }
            for (int i = 0; i < PerRound; i++)
                AssertEnded(stack, names[i], Code(round, i));
        }
        Assert.Equal(Rounds * PerRound, stack.Docker("ps", "-aq").Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        stack.RemoveContainers();
        Leftovers.AssertNone(stack);
    }

    [Fact]
    public void Containers_that_remove_themselves_are_gone_after_kill_9()
    {
        using Stack stack = new();
        stack.Docker("run", "--rm", "busybox", "true").Succeeded();
        Random random = new(Environment.TickCount);
        for (int round = 0; round < 5; round++)
        {
            using Process run = stack.DockerCommand("run", "--rm", "busybox", "sleep", $"0.{random.Next(0, 30):00}").Start();
            Thread.Sleep(random.Next(100, 500));
            stack.RestartDockerd(kill: true);
            run.WaitForExit();
        }
        // What was made but never started stays, as it would with Docker.
        stack.Dockerd.WaitUntil(() => stack.Docker("ps", "-aq", "--filter", "status=running", "--filter", "status=exited").Succeeded().Output.Length == 0, "removal");
        stack.RemoveContainers();
        Leftovers.AssertNone(stack);
    }

    private static int Code(int round, int i) => 1 + (round * PerRound) + i;

    private static void AssertEnded(Stack stack, string name, int code)
    {
        // A start that the kill came before has not happened, neither halfway.
        if (stack.Docker("inspect", "-f", "{{.State.Status}}", name).Succeeded().Output.Trim() == "created")
        {
            Assert.Equal("", stack.Docker("logs", name).Output);
            stack.Docker("start", name).Succeeded();
        }
        Assert.Equal($"{code}\n", stack.Docker("wait", name).Succeeded().Output);
        Assert.Equal($"exited {code}\n", stack.Docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name).Succeeded().Output);
        CommandResult logs = stack.Docker("logs", name).Succeeded();
        Assert.Equal(("begin\n", "end\n"), (logs.Output, logs.Error));
    }
}
