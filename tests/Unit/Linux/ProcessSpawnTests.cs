using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace AotRuntime.Tests.Unit.Linux;

public class ProcessSpawnTests
{
    private static string Output(SpawnPlan plan, string file, out ChildExit exit)
    {
        using SpawnedProcess child = ProcessSpawn.Start(plan);
        exit = child.Wait();
        return File.ReadAllText(file);
    }

    [Fact]
    public void Descriptors_are_put_where_asked_and_others_stay_behind()
    {
        string file = Path.GetTempFileName();
        using SafeFileHandle devNull = File.OpenHandle("/dev/null");
        using SafeFileHandle output = File.OpenHandle(file, FileMode.Create, FileAccess.Write);
        string text = Output(
            new SpawnPlan
            {
                Path = "sh",
                Arguments = ["mysh", "-c", "echo $0 $A; pwd; echo five >&5; ls /proc/$$/fd; exit 7"],
                Environment = ["A=b", "PATH=/usr/bin:/bin"],
                WorkingDirectory = "/usr",
                Descriptors = [devNull, output, output, null, null, output],
            },
            file,
            out ChildExit exit);
        Assert.Equal(new ChildExit(exit.Pid, false, 7), exit);
        Assert.Equal("mysh b\n/usr\nfive\n0\n1\n2\n5\n", text);
        File.Delete(file);
    }

    [Fact]
    public void Swapped_descriptors_do_not_overwrite_each_other()
    {
        string a = Path.GetTempFileName(), b = Path.GetTempFileName();
        using (SafeFileHandle x = File.OpenHandle(a, FileMode.Create, FileAccess.ReadWrite))
        using (SafeFileHandle y = File.OpenHandle(b, FileMode.Create, FileAccess.ReadWrite))
        using (SpawnedProcess child = ProcessSpawn.Start(new SpawnPlan
        {
            Path = "/bin/sh",
            Arguments = ["sh", "-c", "echo one >&1; echo two >&2"],
            Descriptors = [null, y, x],
        }))
        {
            Assert.Equal(0, child.Wait().Code);
        }
        Assert.Equal("two\n", File.ReadAllText(a));
        Assert.Equal("one\n", File.ReadAllText(b));
        File.Delete(a);
        File.Delete(b);
    }

    [Fact]
    public void A_signal_is_told_apart_from_an_exit_code()
    {
        using SpawnedProcess child = ProcessSpawn.Start(new SpawnPlan { Path = "sh", Arguments = ["sh", "-c", "kill -9 $$"] });
        ChildExit exit = child.Wait();
        Assert.True(exit.Signaled);
        Assert.Equal(137, exit.Code);
    }

    [Fact]
    public void Signals_are_at_their_defaults_and_open()
    {
        // The runtime ignores SIGPIPE in this process; a child that inherited that would never end.
        string file = Path.GetTempFileName();
        using (SafeFileHandle output = File.OpenHandle(file, FileMode.Create, FileAccess.Write))
        using (SpawnedProcess child = ProcessSpawn.Start(new SpawnPlan { Path = "grep", Arguments = ["grep", "-E", "^Sig(Ign|Blk):", "/proc/self/status"], Descriptors = [null, output, null] }))
            Assert.Equal(0, child.Wait().Code);
        Assert.Equal("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", File.ReadAllText(file));
        File.Delete(file);
    }

    [Fact]
    public void What_cannot_run_is_an_error_that_names_it()
    {
        var missing = Assert.Throws<LinuxException>(() => ProcessSpawn.Start(new SpawnPlan { Path = "/no/such", Arguments = ["x"] }));
        Assert.Equal("exec /no/such: no such file or directory", missing.Message);
        var folder = Assert.Throws<LinuxException>(() => ProcessSpawn.Start(new SpawnPlan { Path = "/bin/sh", Arguments = ["x"], WorkingDirectory = "/no/dir" }));
        Assert.Equal("chdir /no/dir: no such file or directory", folder.Message);
        Assert.Null(ProcessSpawn.FindExecutable("no-such-program-here"));
    }
}
