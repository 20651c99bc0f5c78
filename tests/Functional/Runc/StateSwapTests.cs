using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>A container that one runtime made, and the other goes on with: state.json is both's.</summary>
public sealed class StateSwapTests
{
    private static readonly string s_ours = Programs.Ours("runc"), s_real = Programs.Peer("runc");

    public static TheoryData<string> Makers => ["ours", "runc"];

    [Theory, MemberData(nameof(Makers))]
    public void The_other_one_does_all_that_can_be_done_to_it(string maker)
    {
        using Bundle bundle = Container(maker, out Func<string[], CommandResult> other);
        // In the shell's blocks. Not the number of files: Go raises that one, and the real runc's exec now and then with it.
        const int Block = 512;
        bundle.Process["rlimits"] = new JsonArray(new JsonObject { ["type"] = "RLIMIT_CORE", ["soft"] = 77 * Block, ["hard"] = 99 * Block });
        bundle.Linux["resources"]!["pids"] = new JsonObject { ["limit"] = 40 };
        bundle.Spec["annotations"] = new JsonObject { ["org.example"] = "a=b <&\u2028é>" };
        string stopped = bundle.Dir.File("stopped");
        bundle.Spec["hooks"] = new JsonObject { ["poststop"] = new JsonArray(new JsonObject { ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", $"cat >{stopped}") }) };
        bundle.Args("sleep", "1000").Start();
        int pid = bundle.Pid();

        string text = other(["state", "c"]).Succeeded().Output;
        // As Go's encoder writes it.
        Assert.Contains("\"a=b \\u003c\\u0026\\u2028é\\u003e\"", text);
        JsonNode state = JsonNode.Parse(text)!;
        Assert.Equal((pid, "running", bundle.Dir.Path, bundle.Rootfs("").TrimEnd('/'), "a=b <&\u2028é>"),
            ((int)state["pid"]!, (string)state["status"]!, (string)state["bundle"]!, (string)state["rootfs"]!, (string)state["annotations"]!["org.example"]!));
        Assert.Equal(["c"], other(["list", "-q"]).Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal("", other(["list", "-q"]).Error);
        Assert.Contains($"{pid}", other(["ps", "c"]).Succeeded().Output);
        Assert.Equal("77\nme\n", other(["exec", "--env", "WHO=me", "c", "sh", "-c", "ulimit -c; echo $WHO"]).Succeeded().Output);
        other(["pause", "c"]).Succeeded();
        Assert.Contains("paused", other(["state", "c"]).Succeeded().Output);
        other(["resume", "c"]).Succeeded();
        other(["update", "--pids-limit", "50", "c"]).Succeeded();
        Assert.Equal(50, (int)JsonNode.Parse(other(["events", "--stats", "c"]).Succeeded().Output)!["data"]!["pids"]!["limit"]!);
        Assert.Contains("not stopped: running", other(["delete", "c"]).Exited(1).Error);

        // The one that made it still knows it, though the other has written to the file meanwhile.
        Assert.Equal("77\n", bundle.Exec([], "sh", "-c", "ulimit -c").Succeeded().Output);
        other(["kill", "c", "KILL"]).Succeeded();
        Until(() => other(["state", "c"]).Succeeded().Output.Contains("stopped"));
        other(["delete", "c"]).Succeeded();
        Assert.Equal("c", (string)JsonNode.Parse(File.ReadAllText(stopped))!["id"]!);
        Assert.Contains("does not exist", bundle.Runc(["state", "c"]).Run().Exited(1).Error);
        Assert.Empty(Directory.GetDirectories(bundle.Dir.File("state")));
        Assert.DoesNotContain(Leftovers.Cgroups(bundle.Parent), path => path.EndsWith("/c"));
    }

    /// <summary>A filter that only the maker had would leave what the other starts without one.</summary>
    [Theory, MemberData(nameof(Makers))]
    public void What_the_other_one_starts_has_the_same_rights(string maker)
    {
        using Bundle bundle = Container(maker, out Func<string[], CommandResult> other);
        bundle.Linux["seccomp"] = JsonNode.Parse(
            """
            {"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],"syscalls":[
                {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":77},
                {"names":["umask"],"action":"SCMP_ACT_ERRNO","errnoRet":1,"args":[{"index":0,"value":63,"valueTwo":0,"op":"SCMP_CMP_EQ"}]}]}
            """);
        bundle.Capabilities("CAP_KILL", "CAP_CHOWN").Args("sleep", "1000").Start();
        const string script = "grep -E '^(Seccomp|CapEff|NoNewPrivs):' /proc/self/status; mkdir /tmp/x; umask 77; umask 22; umask";
        CommandResult own = bundle.Exec([], "sh", "-c", script), others = other(["exec", "c", "sh", "-c", script]);
        // EBADFD
        Assert.Contains("File descriptor in bad state", own.Error);
        Assert.Contains("CapEff:\t0000000000000021\n", own.Output);
        Assert.Contains("Seccomp:\t2\n", own.Output);
        Assert.Equal((own.ExitCode, own.Output, own.Error), (others.ExitCode, others.Output, others.Error));
    }

    [Theory, MemberData(nameof(Makers))]
    public void The_other_one_starts_it(string maker)
    {
        using Bundle bundle = Container(maker, out Func<string[], CommandResult> other);
        bundle.Shell("echo started >/started; sleep 1000");
        bundle.Run(["create", "--bundle", bundle.Dir.Path, "c"]);
        Assert.Contains("created", other(["state", "c"]).Succeeded().Output);
        other(["start", "c"]).Succeeded();
        Until(() => File.Exists(bundle.Rootfs("started")));
        Assert.Contains("running", other(["state", "c"]).Succeeded().Output);
        Assert.Contains("cannot start", other(["start", "c"]).Exited(1).Error);
        other(["delete", "--force", "c"]).Succeeded();
        Assert.Empty(Directory.GetDirectories(bundle.Dir.File("state")));
        Assert.DoesNotContain(Leftovers.Cgroups(bundle.Parent), path => path.EndsWith("/c"));
    }

    [Fact]
    public void What_is_no_state_of_either_hides_no_other()
    {
        using Bundle bundle = Container("ours", out Func<string[], CommandResult> other);
        bundle.Args("sleep", "1000").Start();
        foreach ((string name, string text) in ((string, string)[])[("cut", "{\"id\":\"cut\",\"con"), ("ours", "{\"aotruntime\":{\"id\":"), ("none", "{\"id\":\"none\"}")])
        {
            Directory.CreateDirectory(bundle.Dir.File("state/" + name));
            File.WriteAllText(bundle.Dir.File($"state/{name}/state.json"), text);
            CommandResult list = bundle.Runc(["list", "-q"]).Run().Succeeded();
            Assert.Equal("c\n", list.Output);
            Assert.Contains("load container " + name, list.Error);
            Assert.Contains("state.json", bundle.Runc(["state", name]).Run().Exited(1).Error);
            Directory.Delete(bundle.Dir.File("state/" + name), true);
        }
        Assert.Equal("c\n", other(["list", "-q"]).Succeeded().Output);
    }

    private static Bundle Container(string maker, out Func<string[], CommandResult> other)
    {
        (string made, string takes) = maker == "ours" ? (s_ours, s_real) : (s_real, s_ours);
        Bundle bundle = new(made);
        other = arguments => new Command(takes, ["--root", bundle.Dir.File("state"), .. arguments]) { WorkingDirectory = bundle.Dir.Path }.Run();
        return bundle;
    }

    private static void Until(Func<bool> condition)
    {
        for (int i = 0; i < 500 && !condition(); i++)
            Thread.Sleep(10);
        Assert.True(condition());
    }
}
