namespace AotRuntime.Docker;

/// <summary>Entry of the role.</summary>
public static class DockerRole
{
    /// <summary>Runs the role and gives its exit code.</summary>
    public static int Run(string[] args) => throw new NotImplementedException();
}
