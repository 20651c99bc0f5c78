using System.Globalization;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>events</c>.</summary>
internal static class CtrEvents
{
    private static readonly Dictionary<string, MessageParser> Parsers = new()
    {
        [TypeUrls.ContainerCreate] = ContainerCreate.Parser,
        [TypeUrls.ContainerUpdate] = ContainerUpdate.Parser,
        [TypeUrls.ContainerDelete] = ContainerDelete.Parser,
        [TypeUrls.ImageCreate] = ImageCreate.Parser,
        [TypeUrls.ImageUpdate] = ImageUpdate.Parser,
        [TypeUrls.ImageDelete] = ImageDelete.Parser,
        [TypeUrls.NamespaceCreate] = NamespaceCreate.Parser,
        [TypeUrls.NamespaceDelete] = NamespaceDelete.Parser,
        [TypeUrls.SnapshotPrepare] = SnapshotPrepare.Parser,
        [TypeUrls.SnapshotCommit] = SnapshotCommit.Parser,
        [TypeUrls.SnapshotRemove] = SnapshotRemove.Parser,
        [TypeUrls.TaskCreate] = TaskCreate.Parser,
        [TypeUrls.TaskStart] = TaskStart.Parser,
        [TypeUrls.TaskDelete] = TaskDelete.Parser,
        [TypeUrls.TaskExit] = TaskExit.Parser,
        [TypeUrls.TaskOOM] = TaskOOM.Parser,
        [TypeUrls.TaskExecAdded] = TaskExecAdded.Parser,
        [TypeUrls.TaskExecStarted] = TaskExecStarted.Parser,
        [TypeUrls.TaskPaused] = TaskPaused.Parser,
        [TypeUrls.TaskResumed] = TaskResumed.Parser,
    };

    public static async Task<int> RunAsync(CtrClient client)
    {
        await foreach (Envelope envelope in client.StreamAsync(EventsMethods.Subscribe, new SubscribeRequest()).ConfigureAwait(false))
        {
            string type = envelope.Event?.TypeUrl ?? "";
            string text = Parsers.TryGetValue(type[(type.LastIndexOf('/') + 1)..], out MessageParser? parser)
                ? JsonFormatter.Default.Format(parser.ParseFrom(envelope.Event!.Value))
                : "{}";
            string time = envelope.Timestamp?.ToDateTimeOffset().ToString("yyyy-MM-dd HH:mm:ss.fffffff' +0000 UTC'", CultureInfo.InvariantCulture) ?? "-";
            Console.Out.WriteLine($"{time} {envelope.Namespace} {envelope.Topic} {text}");
        }
        return 0;
    }
}
