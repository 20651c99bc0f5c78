using System.Globalization;
using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>The timeline of a start: run and create with --trace, and the command trace.</summary>
public class TraceTests
{
    /// <summary>In this order, each of them there.</summary>
    private static readonly (string Who, string What)[] Expected =
    [
        ("runc", "process start"), ("runc", "managed runtime"), ("runc", "read config.json"), ("runc", "make the plan"), ("runc", "launched"),
        ("runc", "wait for init"), ("runc", "init: hooks"), ("runc", "hook /bin/true"), ("runc", "init: limits and state"), ("runc", "wait for init"),
        ("runc", "init: executes its program"), ("runc", "hook /bin/true"), ("runc", "started"),
    ];

    private static readonly (string Who, string What)[] ExpectedOfInit =
    [
        ("init", "prepare rootfs "), ("init", "mount proc /proc"), ("init", "mount tmpfs /dev"), ("init", "mknod /dev/null"),
        ("init", "wait for the runtime: hooks"), ("init", "hook createContainer hook #0 /bin/true"), ("init", "enter rootfs"), ("init", "sethostname"),
        ("init", "masked path /proc/"), ("init", "wait for the runtime: limits and state"), ("init", "identity /"), ("init", "resolve"), ("init", "exec /bin/true"),
    ];

    private sealed record Step(double Start, double? Duration, string Who, string What);

    [Fact]
    public void RunWritesTextOrTheFormatOfChromeByTheSuffix()
    {
        using Bundle bundle = new();
        AddHooks(bundle);
        string text = bundle.Dir.File("start.txt"), json = bundle.Dir.File("start.json");
        Run(bundle.Args("true"), text).Succeeded();
        Run(bundle, json).Succeeded();

        foreach (List<Step> steps in (List<Step>[])[OfText(File.ReadAllText(text)), OfJson(File.ReadAllText(json))])
        {
            RequireTimes(steps);
            RequireOrder(steps, Expected);
            RequireOrder(steps, ExpectedOfInit);
            Assert.Contains(steps, step => step is { Who: "runc", What: "make cgroups" });
            Assert.Contains(steps, step => step is { Who: "runc", What: "write state.json" });
            Assert.DoesNotContain(steps, step => step.Who == "start");
        }
    }

    [Fact]
    public void ACreatedContainersTimelineGoesOnWithItsStart()
    {
        using Bundle bundle = new();
        AddHooks(bundle);
        string file = bundle.Dir.File("create.txt");
        bundle.Args("sleep", "60").Run(["create", "--bundle", bundle.Dir.Path, "--trace", file, "c"]);
        List<Step> created = OfText(File.ReadAllText(file));
        RequireOrder(created, [("runc", "process start"), ("init", "enter rootfs"), ("runc", "created")]);
        Assert.Equal("created", created.Last(step => step.Who == "runc").What);
        Assert.DoesNotContain(created, step => step.Who == "start" || step.What.StartsWith("exec /", StringComparison.Ordinal));

        // Neither create nor start waits for the process's last step.
        Until(bundle, "exec fifo");
        bundle.Run(["start", "c"]);
        List<Step> steps = Until(bundle, "exec /");
        RequireTimes(steps);
        RequireOrder(steps, [("runc", "created"), ("start", "process start"), ("start", "release the program"), ("init", "exec /bin/sleep")]);
        RequireOrder(steps, [("start", "hook /bin/true"), ("start", "started")]);
        List<Step> again = OfJson(Shown(bundle, "--format", "json"));
        Assert.Equal(steps.ConvertAll(step => step.What), again.ConvertAll(step => step.What));
    }

    private static List<Step> Until(Bundle bundle, string what)
    {
        for (int i = 0; ; i++)
        {
            List<Step> steps = OfText(Shown(bundle));
            if (steps.Exists(step => step.What.StartsWith(what, StringComparison.Ordinal)))
                return steps;
            Assert.True(i < 500, $"no step \"{what}\"");
            Thread.Sleep(20);
        }
    }

    /// <summary>As a global flag it is for engines, which can be told of further global flags alone.</summary>
    [Fact]
    public void TheGlobalFlagKeepsTheTimelineOnly()
    {
        using Bundle bundle = new();
        bundle.Args("sleep", "60").Run(["--trace", "run", "-d", "--bundle", bundle.Dir.Path, "c"]);
        RequireOrder(OfText(Shown(bundle)), [("runc", "process start"), ("init", "exec /bin/sleep"), ("runc", "started")]);
    }

    /// <summary>The clock of a time namespace is another one: the steps behind its making still stand in their order.</summary>
    [Fact]
    public void ATimeNamespaceDoesNotMoveTheSteps()
    {
        using Bundle bundle = new();
        ((JsonArray)bundle.Linux["namespaces"]!).Add(new JsonObject { ["type"] = "time" });
        bundle.Linux["timeOffsets"] = new JsonObject { ["monotonic"] = new JsonObject { ["secs"] = 1_000_000, ["nanosecs"] = 0 } };
        string file = bundle.Dir.File("start.txt");
        Run(bundle.Args("true"), file).Succeeded();
        List<Step> steps = OfText(File.ReadAllText(file));
        RequireTimes(steps);
        RequireOrder(steps, [("init", "time offsets"), ("init", "enter rootfs"), ("runc", "started")]);
        Assert.InRange(steps[^1].Start, 0, 60e6);
    }

    [Fact]
    public void AStartThatFailsTellsHowFarItCame()
    {
        using Bundle bundle = new();
        string file = bundle.Dir.File("start.txt");
        Assert.NotEqual(0, Run(bundle.Args("/no/such/program"), file).ExitCode);
        List<Step> steps = OfText(File.ReadAllText(file));
        RequireTimes(steps);
        Assert.StartsWith("resolve", steps.Last(step => step.Who == "init").What, StringComparison.Ordinal);

        CommandResult refused = Run(bundle, bundle.Dir.File("no/such/directory"));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("no/such/directory: no such file or directory", refused.Error);
    }

    [Fact]
    public void WithoutTheFlagNothingIsRecorded()
    {
        using Bundle bundle = new();
        bundle.Args("sleep", "60").Run(["run", "-d", "--bundle", bundle.Dir.Path, "c"]);
        CommandResult none = bundle.Runc(["trace", "c"]).Run();
        Assert.Equal(1, none.ExitCode);
        Assert.Contains("container was not created with --trace", none.Error);
        Assert.Equal(["state.json"], Directory.GetFiles(bundle.Dir.File("state/c")).Select(Path.GetFileName));
    }

    private static CommandResult Run(Bundle bundle, string file) => bundle.Runc(["run", "--bundle", bundle.Dir.Path, "--trace", file, "c"]).Run();

    private static string Shown(Bundle bundle, params string[] flags) => bundle.Runc(["trace", .. flags, "c"]).Run().Succeeded().Output;

    private static void AddHooks(Bundle bundle)
    {
        static JsonArray hook() => new(new JsonObject { ["path"] = "/bin/true" });
        bundle.Spec["hooks"] = new JsonObject { ["createRuntime"] = hook(), ["createContainer"] = hook(), ["poststart"] = hook() };
    }

    private static List<Step> OfText(string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["START/us", "DURATION/us", "WHO", "STEP"], lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        return [.. lines[1..].Select(line =>
        {
            string duration = line[13..24].Trim();
            return new Step(double.Parse(line[..12], CultureInfo.InvariantCulture), duration.Length == 0 ? null : double.Parse(duration, CultureInfo.InvariantCulture), line[26..31].Trim(), line[33..]);
        })];
    }

    private static List<Step> OfJson(string text)
    {
        JsonArray events = (JsonArray)JsonNode.Parse(text)!["traceEvents"]!;
        Dictionary<int, string> names = events.Where(one => (string)one!["ph"]! == "M").ToDictionary(one => (int)one!["tid"]!, one => (string)one!["args"]!["name"]!);
        Assert.All(events, one => Assert.Contains((string)one!["ph"]!, (string[])["M", "X", "i"]));
        return [.. events.Where(one => (string)one!["ph"]! != "M").Select(one =>
        {
            Assert.Equal((string)one!["ph"]! == "X", one["dur"] is not null);
            return new Step((double)one["ts"]!, (double?)one["dur"], names[(int)one["tid"]!], (string)one["name"]!);
        })];
    }

    /// <summary>From zero on, never back, and each step of one process ends where its next one begins.</summary>
    private static void RequireTimes(List<Step> steps)
    {
        Assert.Equal(0, steps[0].Start);
        for (int i = 1; i < steps.Count; i++)
            Assert.True(steps[i].Start >= steps[i - 1].Start, $"{steps[i]} after {steps[i - 1]}");
        foreach (IGrouping<string, Step> track in steps.GroupBy(step => step.Who))
        {
            Step[] own = [.. track];
            for (int i = 0; i < own.Length - 1; i++)
                Assert.InRange(own[i].Start + own[i].Duration!.Value - own[i + 1].Start, -0.2, 0.2);
            Assert.Null(own[^1].Duration);
        }
    }

    private static void RequireOrder(List<Step> steps, (string Who, string What)[] expected)
    {
        int at = 0;
        foreach ((string who, string what) in expected)
        {
            int found = steps.FindIndex(at, step => step.Who == who && step.What.StartsWith(what, StringComparison.Ordinal));
            Assert.True(found >= 0, $"no step \"{what}\" of {who} behind number {at}:\n{string.Join('\n', steps)}");
            at = found + 1;
        }
    }
}
