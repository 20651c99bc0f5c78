namespace AotRuntime.Dockerd;

/// <summary>Entry of the role.</summary>
public static class DockerdRole
{
    /// <summary>Runs the role and gives its exit code.</summary>
    public static int Run(string[] args) => throw new NotImplementedException();

    /// <summary>Runs the port relay.</summary>
    public static int RunProxy(string[] args) => throw new NotImplementedException();

    /// <summary>Runs the read-only registry.</summary>
    public static int RunRegistry(string[] args) => RegistryRole.Run(args);
}
