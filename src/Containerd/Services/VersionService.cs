using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Version;

namespace AotRuntime.Containerd;

/// <summary>containerd.services.version.v1.</summary>
internal static class VersionService
{
    /// <summary>
    /// The containerd whose interfaces this is; clients compare it. What follows the plus sign, which semantic versions ignore, tells
    /// whose containerd it really is.
    /// </summary>
    public static string Version { get; } = $"v2.1.0+aotruntime.{typeof(VersionService).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>What stands in for the commit that the original was built from; <c>docker info</c> shows it.</summary>
    public static string Revision { get; } = Version[(Version.IndexOf('+', StringComparison.Ordinal) + 1)..];

    public static void Register(RpcServiceTable table) =>
        table.Unary(VersionMethods.Version, (_, _) => new VersionResponse { Version = Version, Revision = Revision }, quick: true);
}
