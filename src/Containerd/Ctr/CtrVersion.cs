using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Introspection;
using AotRuntime.Rpc.Containerd.Version;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>version</c>.</summary>
internal static class CtrVersion
{
    public static async Task<int> RunAsync(CtrClient client)
    {
        // One program, one version: that of the containerd whose interfaces it speaks.
        Console.Out.Write($"Client:\n  Version:  {VersionService.Version}\n  Revision: {VersionService.Revision}\n  Go version: \n\n");
        VersionResponse version = await client.CallAsync(VersionMethods.Version, new Empty()).ConfigureAwait(false);
        ServerResponse server = await client.CallAsync(IntrospectionMethods.Server, new Empty()).ConfigureAwait(false);
        Console.Out.Write($"Server:\n  Version:  {version.Version}\n  Revision: {version.Revision}\n  UUID: {server.Uuid}\n");
        if (version.Version != VersionService.Version)
            Console.Error.WriteLine("WARNING: version mismatch");
        if (version.Revision != VersionService.Revision)
            Console.Error.WriteLine("WARNING: revision mismatch");
        return 0;
    }
}
