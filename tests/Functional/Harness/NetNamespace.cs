namespace AotRuntime.Tests.Functional.Harness;

/// <summary>A network namespace that lives as long as the process that holds it; no file of it can be left behind.</summary>
internal sealed class NetNamespace : IDisposable
{
    private readonly Daemon _holder;

    public NetNamespace()
    {
        // Dies with this test process, however that ends (man 2 PR_SET_PDEATHSIG).
        _holder = new Daemon(new Command("setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"));
        string ours = Link("self");
        _holder.WaitUntil(() => Link(_holder.Pid.ToString()) != ours, "network namespace");
        Run("ip", "link", "set", "lo", "up").Succeeded();
    }

    /// <summary>A process in the namespace.</summary>
    public int Pid => _holder.Pid;

    public CommandResult Run(string program, params string[] arguments) =>
        new Command(program, arguments) { NetworkOf = Pid }.Run();

    public void Dispose() => _holder.Dispose();

    private static string Link(string pid) => new FileInfo($"/proc/{pid}/ns/net").LinkTarget ?? "";
}
