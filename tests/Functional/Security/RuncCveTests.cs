using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional.Security;

/// <summary>Known attacks on a runtime through its own process: its binary, its descriptors, its rights.</summary>
public class RuncCveTests
{
    private const string Secret = "a file of the host";

    /// <summary>A program, or a script's interpreter, named /proc/self/exe made the runtime run itself inside, where it could be overwritten.</summary>
    [Theory]
    [InlineData("/proc/self/exe")]
    [InlineData("/bin/link")]
    [InlineData("/bin/script")]
    public void CVE_2019_5736_the_runtime_is_no_program_of_the_container(string program)
    {
        using Bundle bundle = new();
        File.CreateSymbolicLink(bundle.Rootfs("bin/link"), "/proc/self/exe");
        File.WriteAllText(bundle.Rootfs("bin/script"), "#!/proc/self/exe\n");
        File.SetUnixFileMode(bundle.Rootfs("bin/script"), (UnixFileMode)Convert.ToInt32("755", 8));
        byte[] before = SHA256.HashData(File.ReadAllBytes(Bundle.Runtime));

        CommandResult run = bundle.Args(program, "--version").Run();
        Assert.NotEqual(0, run.ExitCode);
        Assert.DoesNotContain("runc version", run.Output);

        bundle.Args("sleep", "100").Start();
        CommandResult exec = bundle.Exec([], program, "--version");
        Assert.NotEqual(0, exec.ExitCode);
        Assert.DoesNotContain("runc version", exec.Output);
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(Bundle.Runtime)));
    }

    /// <summary>A process in the container that catches the runtime's process during an exec keeps its /proc/PID/exe open and writes to it once it is no longer running.</summary>
    [Theory]
    [InlineData()]
    [InlineData("CAP_SYS_PTRACE")]
    public void CVE_2019_5736_the_runtime_cannot_be_opened_for_writing(params string[] extra)
    {
        using Bundle bundle = new();
        // A copy: the installed one may be in use, and is then protected by that alone (ETXTBSY).
        string copy = bundle.Dir.File("copy/runc");
        Directory.CreateDirectory(bundle.Dir.File("copy"));
        File.Copy(Bundle.Runtime, copy);
        byte[] before = SHA256.HashData(File.ReadAllBytes(copy));
        bundle.Capabilities(["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETUID", "CAP_SETGID", "CAP_SYS_CHROOT", .. extra]);
        bundle.Shell("""
            while :; do
              for p in /proc/[0-9]*; do
                exe=$(readlink $p/exe) || continue
                case "$exe" in
                  */busybox) ;;
                  *) exec 9<$p/exe || continue
                     echo "$exe" >>/caught
                     while [ -d $p ] && readlink $p/exe | grep -qv busybox; do :; done
                     i=0; while [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); echo overwritten >>/proc/self/fd/9 && echo "$exe" >>/written; done ;;
                esac
              done
            done 2>/dev/null
            """).Start();
        // The delay holds the process at the door of execve, when it already has the container's rights.
        for (int i = 0; i < 2; i++)
        {
            Command exec = new("strace", "-f", "-o", "/dev/null", "-e", "inject=execve:delay_enter=1500000", copy, "--root", bundle.Dir.File("state"), "exec", "c", "true");
            exec.Run().Succeeded();
        }
        Thread.Sleep(2500);
        string written = File.Exists(bundle.Rootfs("written")) ? File.ReadAllText(bundle.Rootfs("written")) : "";
        Assert.Equal("", written);
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(copy)));
        if (extra.Length == 0)
            Assert.False(File.Exists(bundle.Rootfs("caught")), "the runtime's process could be inspected");
    }

    /// <summary>The working directory /proc/self/fd/N, where N is a directory of the host that the runtime left open, is a way out of the root.</summary>
    [Fact]
    public void CVE_2024_21626_no_working_directory_outside_the_root()
    {
        using Bundle bundle = new();
        File.WriteAllText(bundle.Dir.File("secret"), Secret);
        string up = string.Concat(Enumerable.Repeat("../", 12)) + bundle.Dir.File("secret")[1..];
        for (int fd = 3; fd < 24; fd++)
        {
            bundle.Process["cwd"] = $"/proc/self/fd/{fd}";
            Denied(bundle.Args("cat", up), fd);
            bundle.Process["cwd"] = "/";
            Denied(bundle.Args($"/proc/self/fd/{fd}/bin/cat", bundle.Dir.File("secret")), fd);
        }

        bundle.Args("sleep", "100").Start();
        for (int fd = 3; fd < 24; fd++)
        {
            CommandResult exec = OpenRootAt9(bundle, ["exec", "--cwd", $"/proc/self/fd/{fd}", "c", "cat", up]);
            Assert.True(exec.ExitCode != 0 && !exec.Output.Contains(Secret, StringComparison.Ordinal), $"fd {fd}: {exec}");
        }
    }

    /// <summary>A program started by exec stayed dumpable before its execve, so that others in the container could reach the host through its descriptors.</summary>
    [Fact]
    public void CVE_2016_9962_an_exec_is_not_dumpable_before_its_program_runs()
    {
        using Bundle bundle = new();
        bundle.Capabilities("CAP_CHOWN", "CAP_KILL").Args("sleep", "100").Start();
        int pid = (int)JsonNode.Parse(bundle.Runc(["state", "c"]).Run().Succeeded().Output)!["pid"]!;
        using Daemon exec = new(bundle.Under(["strace", "-f", "-o", "/dev/null", "-e", "inject=execve:delay_enter=4000000"], ["exec", "c", "sleep", "5"]));
        exec.WaitUntil(() => Children(exec.Pid).Any(p => InNamespaceOf(p, pid)), "process in the container");
        int child = Children(exec.Pid).First(p => InNamespaceOf(p, pid));
        // The same rights as the container's root: root without capabilities that would allow it anyway.
        Command inspect = new("setpriv", "--bounding-set", "-all,+chown,+kill", "--inh-caps", "-all", "ls", "-l", $"/proc/{child}/fd");
        CommandResult look = inspect.Run();
        Assert.NotEqual(0, look.ExitCode);
        Assert.Contains("ermission denied", look.Error);
        // Once it runs, it is like any other.
        exec.WaitUntil(() => File.ReadAllText($"/proc/{child}/cmdline").StartsWith("sleep\05", StringComparison.Ordinal), "program");
        inspect.Run().Succeeded();
    }

    /// <summary>Inheritable capabilities, which nobody asked for, let a non-root program gain them through a file's inheritable set.</summary>
    [Fact]
    public void CVE_2022_29162_no_inheritable_capabilities()
    {
        using Bundle bundle = new();
        const string None = "CapInh:\t0000000000000000";
        Assert.Contains(None, bundle.Args("cat", "/proc/self/status").Run().Succeeded().Output);
        bundle.Args("sleep", "100").Start();
        Assert.Contains(None, bundle.Exec([], "cat", "/proc/self/status").Succeeded().Output);
        Assert.Contains(None, bundle.Exec(["--cap", "CAP_SYS_ADMIN"], "cat", "/proc/self/status").Succeeded().Output);
    }

    /// <summary>The id 2^32-1 means "as it is" to setresuid, so that the program stayed root (the runtime's side of CVE-2024-40635).</summary>
    [Theory]
    [InlineData("uid")]
    [InlineData("gid")]
    public void CVE_2024_40635_the_id_that_changes_nothing_is_refused(string which)
    {
        using Bundle bundle = new();
        bundle.Process["user"]![which] = uint.MaxValue;
        CommandResult run = bundle.Args("id").Run();
        Assert.NotEqual(0, run.ExitCode);
        Assert.DoesNotContain("uid=", run.Output);
        bundle.Process["user"]![which] = 0;
        bundle.Args("sleep", "100").Start();
        CommandResult exec = bundle.Exec(["--user", which == "uid" ? "4294967295" : "0:4294967295"], "id");
        Assert.NotEqual(0, exec.ExitCode);
        Assert.DoesNotContain("uid=", exec.Output);
    }

    private static void Denied(Bundle bundle, int fd)
    {
        CommandResult run = OpenRootAt9(bundle, ["run", "--bundle", bundle.Dir.Path, "c"]);
        Assert.True(run.ExitCode != 0 && !run.Output.Contains(Secret, StringComparison.Ordinal), $"fd {fd}: {run}");
    }

    /// <summary>As if the runtime, or who called it, had left the host's root open: the descriptor 9 that it inherits.</summary>
    private static CommandResult OpenRootAt9(Bundle bundle, string[] arguments) => bundle.Under(["sh", "-c", "exec 9</; exec \"$@\"", "sh"], arguments).Run();

    private static List<int> Children(int pid)
    {
        List<int> all = [];
        Queue<int> queue = new([pid]);
        while (queue.TryDequeue(out int next))
        {
            foreach (string task in Directory.Exists($"/proc/{next}/task") ? Directory.GetDirectories($"/proc/{next}/task") : [])
            {
                foreach (string child in Read(task + "/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
                {
                    all.Add(int.Parse(child));
                    queue.Enqueue(int.Parse(child));
                }
            }
        }
        return all;
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return ""; // it ended meanwhile
        }
    }

    private static bool InNamespaceOf(int pid, int other) =>
        new FileInfo($"/proc/{pid}/ns/mnt").LinkTarget is { } ns && ns == new FileInfo($"/proc/{other}/ns/mnt").LinkTarget;
}
