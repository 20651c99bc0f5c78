namespace AotRuntime.Tests.Functional;

/// <summary>The program needs no file but itself, and lets none of the machine's libraries into its process.</summary>
public sealed class StandaloneTests : IDisposable
{
    private readonly TempDir _dir = new();

    public void Dispose() => _dir.Dispose();

    [Theory]
    [InlineData("docker", "--version", "Docker version ")]
    [InlineData("dockerd", "--version", "Docker version ")]
    [InlineData("containerd", "--version", "containerd github.com/containerd/containerd/v2 ")]
    [InlineData("containerd-shim-runc-v2", "-v", "containerd-shim-runc-v2:")]
    [InlineData("ctr", "--help", "USAGE:")]
    [InlineData("runc", "--version", "runc version ")]
    public void It_runs_in_an_empty_root(string name, string argument, string begins)
    {
        File.Copy(Programs.Ours("aotruntime"), _dir.File(name));
        Assert.Contains(begins, new Command("chroot", _dir.Path, "/" + name, argument).Run().Succeeded().Output);
    }

    /// <summary>man 5 nsswitch.conf: a module of the machine's, which would bring the machine's C library with it, counts as not installed.</summary>
    [Fact]
    public void Names_are_looked_up_without_the_machines_modules()
    {
        // A module that gives itself away as soon as it is loaded: exit_group(77), without a library of its own.
        File.WriteAllText(_dir.File("trap.c"), "__attribute__((constructor)) static void loaded(void) { __asm__ volatile(\"syscall\" : : \"a\"(231), \"D\"(77)); }\n");
        new Command("gcc", "-shared", "-fPIC", "-nostdlib", "-o", _dir.File("libnss_trap.so.2"), _dir.File("trap.c")).Run().Succeeded();
        File.WriteAllText(_dir.File("nsswitch.conf"), "hosts: trap [!UNAVAIL=return] files dns\n");
        CommandResult ours = WithModules(Programs.Ours("docker"), "-H", "tcp://localhost:1", "ps").Exited(1);
        Assert.Contains("Cannot connect to the Docker daemon at tcp://localhost:1.", ours.Error);
        // A program that does load them shows that the trap works.
        WithModules("getent", "hosts", "localhost").Exited(77);
    }

    private CommandResult WithModules(string program, params string[] arguments) => new Command(
        "unshare", ["--mount", "sh", "-c", $"mount --bind {_dir.File("nsswitch.conf")} /etc/nsswitch.conf && exec \"$@\"", "sh", program, .. arguments])
    {
        Environment = { ["LD_LIBRARY_PATH"] = _dir.Path },
    }.Run();
}
