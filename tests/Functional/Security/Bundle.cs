using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional.Security;

/// <summary>An OCI bundle whose root file system is a busybox, to be made hostile and given to the runtime directly.</summary>
internal sealed class Bundle : IDisposable
{
    private const string Id = "c";
    private readonly string _parent;
    private readonly string _runtime;
    private string? _saved;

    public Bundle(string? runtime = null)
    {
        _runtime = runtime ?? Runtime;
        _parent = "/" + Path.GetFileName(Dir.Path);
        Directory.CreateDirectory(Rootfs("bin"));
        File.Copy("/bin/busybox", Rootfs("bin/busybox"));
        foreach (string applet in (string[])["sh", "cat", "echo", "grep", "id", "ls", "mkdir", "mknod", "readlink", "sleep", "stat", "touch", "true", "tty"])
            File.CreateSymbolicLink(Rootfs("bin/" + applet), "busybox");
        new Command(_runtime, "spec") { WorkingDirectory = Dir.Path }.Run().Succeeded();
        Spec = (JsonObject)JsonNode.Parse(File.ReadAllText(Dir.File("config.json")))!;
        Process["terminal"] = false;
        Linux["cgroupsPath"] = _parent + "/" + Id;
        Spec["root"]!["readonly"] = false;
    }

    /// <summary>The runtime under test; AOT_SECURITY_RUNC names another one, to see a test fail on what is known to be vulnerable.</summary>
    public static string Runtime { get; } = Environment.GetEnvironmentVariable("AOT_SECURITY_RUNC") ?? Programs.Ours("runc");

    public TempDir Dir { get; } = new();

    public JsonObject Spec { get; }

    public JsonObject Process => (JsonObject)Spec["process"]!;

    public JsonObject Linux => (JsonObject)Spec["linux"]!;

    public JsonArray Mounts => (JsonArray)Spec["mounts"]!;

    public string Rootfs(string path) => Dir.File("rootfs/" + path);

    public Bundle Args(params string[] args)
    {
        Process["args"] = Strings(args);
        return this;
    }

    public Bundle Shell(string script) => Args("sh", "-c", script);

    /// <summary>Gives these capabilities in the three sets that count.</summary>
    public Bundle Capabilities(params string[] names)
    {
        Process["capabilities"] = new JsonObject { ["bounding"] = Strings(names), ["effective"] = Strings(names), ["permitted"] = Strings(names) };
        return this;
    }

    public Bundle Mount(string source, string target, string type, params string[] options)
    {
        Mounts.Add((JsonNode)new JsonObject { ["source"] = source, ["destination"] = target, ["type"] = type, ["options"] = Strings(options) });
        return this;
    }

    /// <summary>Takes a mount of the default spec away.</summary>
    public Bundle Without(params string[] targets)
    {
        foreach (JsonNode mount in Mounts.Where(m => targets.Contains((string)m!["destination"]!)).ToList()!)
            Mounts.Remove(mount);
        return this;
    }

    /// <summary>The cgroup above the container's, of this bundle alone.</summary>
    public string Parent => _parent;

    /// <summary>The runtime, its streams going nowhere: a pipe of ours would stay open as long as the container lives.</summary>
    public Command Quiet(string[] arguments) => Under(["sh", "-c", "exec \"$@\" </dev/null >/dev/null 2>&1", "sh"], arguments);

    /// <summary>Such a run to its end.</summary>
    public void Run(string[] arguments) => Quiet(arguments).Run().Succeeded();

    public CommandResult Run() => Runc(["run", "--bundle", Dir.Path, Id]).Run();

    /// <summary>Starts the container in the background; it is running when this returns.</summary>
    public Bundle Start()
    {
        // Its streams go nowhere: a pipe of ours would stay open as long as the container lives.
        Command start = new("sh", "-c", "exec \"$@\" </dev/null >/dev/null 2>\"$0\"", Dir.File("err"), _runtime, "--root", Dir.File("state"), "run", "--detach", "--bundle", Dir.Path, Id);
        Save();
        CommandResult result = start.Run();
        Assert.True(result.ExitCode == 0, File.ReadAllText(Dir.File("err")));
        return this;
    }

    public Command ExecCommand(params string[] arguments) => Runc(["exec", .. arguments]);

    /// <summary>exec with flags before the container's name and a program after it.</summary>
    public CommandResult Exec(string[] flags, params string[] program) => Runc(["exec", .. flags, Id, .. program]).Run();

    /// <summary>The first process's number on the host.</summary>
    public int Pid() => (int)JsonNode.Parse(Runc(["state", Id]).Run().Succeeded().Output)!["pid"]!;

    public Command Runc(string[] arguments) => Under([], arguments);

    /// <summary>The runtime, started by another program: <c>strace -f … runc …</c>.</summary>
    public Command Under(string[] starter, string[] arguments)
    {
        Save();
        string[] all = [.. starter, _runtime, "--root", Dir.File("state"), .. arguments];
        return new Command(all[0], all[1..]) { WorkingDirectory = Dir.Path };
    }

    public void Dispose()
    {
        Runc(["delete", "--force", Id]).Run();
        Dir.Dispose();
        Leftovers.RemoveCgroups(_parent);
    }

    /// <summary>Only what has changed: a runtime may be reading it.</summary>
    private void Save()
    {
        string text = Spec.ToJsonString();
        if (text == _saved)
            return;
        File.WriteAllText(Dir.File("config.json"), text);
        _saved = text;
    }

    private static JsonArray Strings(params string[] values) => [.. values.Select(v => (JsonNode)v)];
}
