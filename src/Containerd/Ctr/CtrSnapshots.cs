using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Snapshots;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>snapshots</c>.</summary>
internal static class CtrSnapshots
{
    public static async Task<int> RunAsync(CtrClient client, string command, List<string> rest)
    {
        CtrArguments args = CtrArguments.Parse(rest, "snapshotter=");
        string snapshotter = args.Value("snapshotter") ?? "overlayfs";
        switch (command)
        {
            case "list":
                var table = new CtrTable(1, 1, "KEY", "PARENT", "KIND");
                await foreach (ListSnapshotsResponse list in client.StreamAsync(SnapshotsMethods.List, new ListSnapshotsRequest { Snapshotter = snapshotter }).ConfigureAwait(false))
                {
                    foreach (Info info in list.Info)
                        table.Add(info.Name, info.Parent, info.Kind switch { Kind.View => "View", Kind.Active => "Active", Kind.Committed => "Committed", _ => "Unknown" });
                }
                Console.Out.Write(table.Format());
                return 0;
            case "remove":
                foreach (string key in args.Positional)
                    await client.CallAsync(SnapshotsMethods.Remove, new RemoveSnapshotRequest { Snapshotter = snapshotter, Key = key }).ConfigureAwait(false);
                return 0;
            default:
                throw CtrRole.Unknown(command);
        }
    }
}
