namespace AotRuntime.Containerd;

/// <summary>Entry of the role.</summary>
public static class ContainerdRole
{
    /// <summary>Runs the role and gives its exit code.</summary>
    public static int Run(string[] args) => ContainerdCommand.Run(args);

    /// <summary>Runs the debug client.</summary>
    public static int RunCtr(string[] args) => Ctr.CtrRole.Run(args);
}
