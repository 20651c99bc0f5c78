using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>
/// Command lines that runc refuses: ours must refuse them alike, and with the same words. Those of runc 1.3.6 are in Golden/RuncErrors.txt;
/// with AOT_PEER_RUNC set it is that program whose answers count, and the file must agree.
/// </summary>
public partial class CommandLineTests
{
    /// <summary>No container is needed for these.</summary>
    public static TheoryData<string> Bad => [.. """
        nosuch
        --nosuch
        --root
        --root / list
        --log-format xml list
        --log-format json list --nosuch
        --debug=perhaps list
        create
        create --nosuch c
        create a b
        create --bundle /nonexistent c
        create --preserve-fds x c
        create --bundle
        create --no-pivot=x c
        run
        run --bundle /nonexistent c
        run --detach --nosuch c
        start
        start nosuch
        start --x c
        state
        state nosuch
        state a b
        kill
        kill nosuch
        kill nosuch BAD
        kill a b c
        kill -9 a
        delete
        delete nosuch
        delete --force nosuch
        delete -x nosuch
        list --format xml
        list -q
        list extra
        list --format
        ps
        ps nosuch
        ps --format xml nosuch
        ps --nosuch a
        exec
        exec nosuch
        exec nosuch true
        exec --nosuch c true
        exec --preserve-fds=x c true
        exec -g x c true
        exec --additional-gids 99999999999999999999 c true
        spec extra
        spec --bundle /nonexistent
        features x
        features --x
        events
        events nosuch
        events --interval x nosuch
        events --interval -5s nosuch
        pause
        pause nosuch
        resume nosuch
        update
        update nosuch
        update --memory x nosuch
        update --pids-limit x nosuch
        update --blkio-weight x nosuch
        checkpoint
        checkpoint nosuch
        restore
        create ../x
        run .
        state ..
        kill a/b
        exec a/b true
        """.Split('\n', StringSplitOptions.TrimEntries)];

    /// <summary>The container "c" runs.</summary>
    public static TheoryData<string> BadForARunningOne => [.. """
        start c
        run c
        create c
        delete c
        resume c
        kill c 999
        kill c NOSUCH
        kill c -9
        update c --memory 8q
        update --memory -3 c
        update --cpu-quota x c
        update --cpu-period -1 c
        update --cpu-share 99999999999999999999999 c
        update --l3-cache-schema L3 c
        update --mem-bw-schema L3 c
        update --kernel-memory 5m c
        update --resources /nonexistent c
        exec --cgroup :x c true
        exec --cgroup cpu:a --cgroup cpu:b c true
        exec --cgroup a --cgroup cpu:b c true
        exec --cgroup nosuch:b c true
        exec --cgroup memory:../.. c true
        exec --process-label x c true
        exec --process /nonexistent c
        exec --user a:b c true
        exec --user a c true
        exec -g -5 c true
        exec --cwd rel c true
        exec --env FOO c true
        exec --env =FOO c true
        exec --cap CAP_X c true
        exec c nosuch
        exec c /bin
        exec c /etc/nosuch
        exec c ./nosuch
        exec c
        exec -t -d c true
        exec --console-socket /tmp/x c true
        exec --pidfd-socket /nosuch c true
        exec --pid-file /nosuch/x c true
        exec --cwd /nosuch c true
        """.Split('\n', StringSplitOptions.TrimEntries)];

    [Fact]
    public void RefusedAsRuncDoes()
    {
        using TempDir ours = new(), theirs = new();
        Compare(Bad, ours, theirs);
    }

    /// <summary>One container of each runtime is enough for all lines.</summary>
    [Fact]
    public void RefusedAsRuncDoesWhereAContainerRuns()
    {
        using Bundle ours = new Bundle().Args("sleep", "100").Start();
        using Bundle? theirs = Peers.Asked is { } peer ? new Bundle(peer).Args("sleep", "100").Start() : null;
        Compare(BadForARunningOne, ours.Dir, theirs?.Dir);
    }

    [Fact]
    public void HelpIsNoError()
    {
        foreach (string line in (string[])["--help", "-h", "help", "", "help exec", "exec --help", "run -h", "update --help"])
        {
            CommandResult help = new Command(Bundle.Runtime, line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Run().Succeeded();
            Assert.StartsWith("NAME:\n   runc ", help.Output);
        }
        Assert.Contains("--additional-gids value, -g value", new Command(Bundle.Runtime, "exec", "-h").Run().Output);
    }

    /// <summary>What the runtime-spec 1.3 added to features.md, and runc 1.3 does not have yet.</summary>
    private static readonly string[] SinceSpec13 =
        ["/linux/intelRdt/monitoring", "/linux/intelRdt/schemata", "/linux/memoryPolicy/flags", "/linux/memoryPolicy/modes", "/linux/netDevices/enabled"];

    /// <summary>What engines read before they write a spec: the keys are the same, and only what is true of this build differs.</summary>
    [Fact]
    public void FeaturesHaveRuncsKeys()
    {
        JsonObject ours = Features(Bundle.Runtime);
        JsonObject theirs = Peers.Asked is { } peer ? Features(peer) : (JsonObject)JsonNode.Parse(Golden("RuncFeatures.txt"))!;
        Assert.Equal(Keys(theirs).Union(SinceSpec13).Order(StringComparer.Ordinal), Keys(ours));
        foreach (string list in (string[])["hooks", "mountOptions", "potentiallyUnsafeConfigAnnotations"])
            Assert.Equal(theirs[list]!.ToJsonString(), ours[list]!.ToJsonString());
        Assert.Equal(theirs["linux"]!["namespaces"]!.ToJsonString(), ours["linux"]!["namespaces"]!.ToJsonString());
        Assert.Equal(theirs["linux"]!["capabilities"]!.ToJsonString(), ours["linux"]!["capabilities"]!.ToJsonString());
    }

    private static void Compare(TheoryData<string> lines, TempDir ours, TempDir? theirs)
    {
        Dictionary<string, string> golden = Golden("RuncErrors.txt").Split("$ ", StringSplitOptions.RemoveEmptyEntries)
            .ToDictionary(entry => entry[..entry.IndexOf('\n', StringComparison.Ordinal)], entry => entry[(entry.IndexOf('\n', StringComparison.Ordinal) + 1)..]);
        List<string> different = [];
        foreach (string line in lines.Select(row => row.Data))
        {
            string expected = golden.GetValueOrDefault(line, ""), actual = Answer(Bundle.Runtime, ours, line);
            if (expected != actual)
                different.Add($"$ {line}\nexpected: {expected}\nours: {actual}");
            if (Peers.Asked is { } peer && Answer(peer, theirs!, line) is var answer && answer != expected)
                different.Add($"$ {line}\n{answer}");
        }
        Assert.True(different.Count == 0, string.Join("", different));
    }

    private static string Golden(string name)
    {
        using StreamReader reader = new(typeof(CommandLineTests).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    /// <summary>The exit code, standard error and the first line of a usage message; names, pids and times that differ by nature are cut out.</summary>
    private static string Answer(string runtime, TempDir dir, string line)
    {
        CommandResult result = new Command(runtime, ["--root", dir.File("state"), .. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)]) { WorkingDirectory = dir.Path }.Run();
        string usage = result.Output.StartsWith("Incorrect Usage", StringComparison.Ordinal) ? result.Output[..result.Output.IndexOf('\n', StringComparison.Ordinal)] : "";
        string error = Time().Replace(result.Error, "time").Replace(runtime, "runc", StringComparison.Ordinal);
        return $"{result.ExitCode} {usage}\n{error}".Replace(dir.Path, "DIR", StringComparison.Ordinal);
    }

    private static JsonObject Features(string runtime) => (JsonObject)JsonNode.Parse(new Command(runtime, "features").Run().Succeeded().Output)!;

    private static List<string> Keys(JsonNode node, string path = "") => node is JsonObject o
        ? [.. o.SelectMany(p => Keys(p.Value!, $"{path}/{p.Key}")).Order(StringComparer.Ordinal)]
        : [path];

    [GeneratedRegex("""("?time"?[=:]"[^"]*")""")]
    private static partial Regex Time();
}
