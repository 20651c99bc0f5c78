namespace AotRuntime.Tests.Functional.Runc;

/// <summary>The runtime that ours is held against.</summary>
internal static class Peers
{
    /// <summary>The one that AOT_PEER_RUNC names: checks that the tests' expectations are that program's behaviour.</summary>
    public static string? Asked { get; } = Environment.GetEnvironmentVariable("AOT_PEER_RUNC");
}
