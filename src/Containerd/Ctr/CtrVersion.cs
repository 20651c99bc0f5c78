using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Introspection;
using AotRuntime.Rpc.Containerd.Version;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>version</c>.</summary>
internal static class CtrVersion
{
    /// <summary>This program's version.</summary>
    public static string Text { get; } = typeof(CtrVersion).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    public static async Task<int> RunAsync(CtrClient client)
    {
        Console.Out.Write($"Client:\n  Version:  {Text}\n  Revision: \n  Go version: \n\n");
        VersionResponse version = await client.CallAsync(VersionMethods.Version, new Empty()).ConfigureAwait(false);
        ServerResponse server = await client.CallAsync(IntrospectionMethods.Server, new Empty()).ConfigureAwait(false);
        Console.Out.Write($"Server:\n  Version:  {version.Version}\n  Revision: {version.Revision}\n  UUID: {server.Uuid}\n");
        if (version.Version.TrimStart('v') != Text)
            Console.Error.WriteLine("WARNING: version mismatch");
        return 0;
    }
}
