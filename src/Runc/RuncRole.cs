namespace AotRuntime.Runc;

/// <summary>Entry of the role.</summary>
public static class RuncRole
{
    /// <summary>Runs the role and gives its exit code.</summary>
    public static int Run(string[] args) => throw new NotImplementedException();
}
