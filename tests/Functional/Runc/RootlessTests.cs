using System.Text.Json.Nodes;
using AotRuntime.Tests.Functional.Security;

namespace AotRuntime.Tests.Functional.Runc;

/// <summary>A plain user's containers: <c>runc spec --rootless</c>, without a daemon, without cgroups of his own.</summary>
public sealed class RootlessTests : IDisposable
{
    private const int User = 54321, Group = 54322;
    private static readonly (string Kind, int Id)[] s_ids = [("uidMappings", User), ("gidMappings", Group)];
    private readonly Bundle _bundle = new();
    private readonly string _runtime;

    public RootlessTests()
    {
        File.Delete(_bundle.Dir.File("config.json"));
        new Command(Bundle.Runtime, "spec", "--rootless") { WorkingDirectory = _bundle.Dir.Path }.Run().Succeeded();
        JsonObject spec = (JsonObject)JsonNode.Parse(File.ReadAllText(_bundle.Dir.File("config.json")))!;
        _bundle.Spec.Clear();
        foreach ((string name, JsonNode? value) in spec)
            _bundle.Spec[name] = value?.DeepClone();
        _bundle.Process["terminal"] = false;
        _bundle.Spec["root"]!["readonly"] = false;
        foreach ((string kind, int id) in s_ids)
            _bundle.Linux[kind]![0]!["hostID"] = id;
        // The runtime may stand where a plain user can't go.
        _runtime = _bundle.Dir.File("runc");
        File.Copy(Bundle.Runtime, _runtime);
        new Command("chown", "-R", $"{User}:{Group}", _bundle.Dir.Path).Run().Succeeded();
        File.SetUnixFileMode(_bundle.Dir.Path, (UnixFileMode)0x1ed);
    }

    public void Dispose()
    {
        Runc("delete", "--force", "c");
        _bundle.Dispose();
    }

    [Fact]
    public void He_is_root_inside_and_himself_outside()
    {
        _bundle.Shell("id -u; id -g; cat /proc/self/uid_map /proc/self/setgroups; touch /made; stat -c %u:%g /made /; hostname");
        CommandResult run = Runc("run", "--bundle", _bundle.Dir.Path, "c").Succeeded();
        string[] lines = Lines(run);
        Assert.Equal(["0", "0", $"0 {User} 1", "deny", "0:0", "0:0", "runc", ""], lines);
        Assert.Equal($"{User}:{Group}\n", new Command("stat", "-c", "%u:%g", _bundle.Rootfs("made")).Run().Output);
        Assert.Empty(Directory.GetDirectories(_bundle.Dir.File("state")));
    }

    [Fact]
    public void A_container_lives_in_the_background_without_cgroups()
    {
        Start();
        JsonNode state = JsonNode.Parse(Runc("state", "c").Succeeded().Output)!;
        int pid = (int)state["pid"]!;
        Assert.Contains($"Uid:\t{User}\t{User}", File.ReadAllText($"/proc/{pid}/status"));
        Assert.Equal("0\n", Runc("exec", "c", "id", "-u").Succeeded().Output);
        Assert.Contains("#" + User, Runc("list").Succeeded().Output);
        // runc's words.
        Assert.Contains("cannot setgid to unmapped gid 7 in user namespace", Runc("exec", "--user", "7:7", "c", "true").Exited(255).Error);
        Assert.Contains("cannot set any additional groups in a rootless container", Runc("exec", "--additional-gids", "7", "c", "true").Exited(255).Error);
        foreach (string[] command in (string[][])[["pause", "c"], ["update", "--pids-limit", "5", "c"]])
            Assert.Contains("cgroup", Runc(command).Exited(1).Error);
        Runc("kill", "c", "KILL").Succeeded();
        for (int i = 0; i < 500 && !Leftovers.IsGone(pid); i++)
            Thread.Sleep(10);
        Runc("delete", "c").Succeeded();
        Assert.Empty(Directory.GetDirectories(_bundle.Dir.File("state")));
    }

    /// <summary>Many ids need the help of newuidmap and newgidmap, which heed /etc/subuid and /etc/subgid.</summary>
    [Fact]
    public void Subordinate_ids_are_mapped_where_he_has_them()
    {
        foreach ((string kind, int id) in s_ids)
        {
            _bundle.Linux[kind] = new JsonArray(
                new JsonObject { ["containerID"] = 0, ["hostID"] = id, ["size"] = 1 }, new JsonObject { ["containerID"] = 1, ["hostID"] = 700_000, ["size"] = 1000 });
        }
        _bundle.Process["user"] = new JsonObject { ["uid"] = 5, ["gid"] = 6 };
        _bundle.Shell("id -u; id -g; cat /proc/self/uid_map");
        // newuidmap asks for the user's name.
        File.WriteAllText(_bundle.Dir.File("users"), $"root:x:0:0::/:/bin/sh\nplain:x:{User}:{Group}::/:/bin/sh\n");
        File.WriteAllText(_bundle.Dir.File("ids"), "plain:700000:1000\n");
        string[] before = ["mount --bind users /etc/passwd", "mount --bind ids /etc/subuid", "mount --bind ids /etc/subgid"];
        CommandResult run = RuncWith(before, "run", "--bundle", _bundle.Dir.Path, "c").Succeeded();
        string[] lines = Lines(run);
        Assert.Equal(["5", "6", $"0 {User} 1", "1 700000 1000", ""], lines);
        // Whoever has none gets none.
        File.WriteAllText(_bundle.Dir.File("ids"), "");
        CommandResult refused = RuncWith(before, "run", "--bundle", _bundle.Dir.Path, "c").Exited(1);
        Assert.Contains("newuidmap", refused.Error);
        Assert.Empty(Directory.GetDirectories(_bundle.Dir.File("state")));
    }

    [Fact]
    public void What_is_another_users_stays_out_of_reach()
    {
        string secret = _bundle.Dir.File("secret");
        File.WriteAllText(secret, "root's own");
        File.SetUnixFileMode(secret, UnixFileMode.UserRead);
        _bundle.Mount(secret, "/secret", "none", "bind", "ro");
        _bundle.Shell("cat /secret; echo x >/secret; mknod /disk b 8 0; echo $?");
        File.WriteAllText(_bundle.Rootfs("secret"), "");
        CommandResult run = Runc("run", "--bundle", _bundle.Dir.Path, "c").Succeeded();
        Assert.DoesNotContain("root's own", run.Output);
        Assert.Contains("Permission denied", run.Error);
        Assert.Equal("1\n", run.Output);
    }

    /// <summary>What is aligned by spaces in one form or another.</summary>
    private static string[] Lines(CommandResult run) =>
        [.. run.Output.Split('\n').Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];

    private void Start()
    {
        _bundle.Args("sleep", "1000");
        RuncWith(["exec </dev/null >/dev/null 2>&1"], "run", "--detach", "--bundle", _bundle.Dir.Path, "c").Succeeded();
    }

    private CommandResult Runc(params string[] arguments) => RuncWith([], arguments);

    /// <summary>As the plain user, after some lines of shell as root in a mount namespace of its own.</summary>
    private CommandResult RuncWith(string[] before, params string[] arguments)
    {
        File.WriteAllText(_bundle.Dir.File("config.json"), _bundle.Spec.ToJsonString());
        string script = string.Join('\n', ["set -e", .. before,
            $"exec setpriv --reuid {User} --regid {Group} --clear-groups --inh-caps=-all env -i PATH=\"$PATH:/usr/sbin\" HOME=/ \"$@\""]);
        string[] command = ["--mount", "sh", "-c", script, "sh", _runtime, "--root", _bundle.Dir.File("state"), .. arguments];
        return new Command("unshare", command) { WorkingDirectory = _bundle.Dir.Path }.Run();
    }
}
