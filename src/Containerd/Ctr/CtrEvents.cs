using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using AotRuntime.Rpc.Containerd.Types;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;

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
                ? Json(parser.ParseFrom(envelope.Event!.Value))
                : "{}";
            string time = envelope.Timestamp?.ToDateTimeOffset().ToString("yyyy-MM-dd HH:mm:ss.fffffff' +0000 UTC'", CultureInfo.InvariantCulture) ?? "-";
            Console.Out.WriteLine($"{time} {envelope.Namespace} {envelope.Topic} {text}");
        }
        return 0;
    }

    /// <summary>
    /// The event as Go's encoding/json writes it: fields by their names in the schema, those with a default value left out. Spelled out for
    /// each message because protobuf's own formatter keeps the descriptors of every message, and the reflection over them, in the program.
    /// </summary>
    internal static string Json(IMessage message)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = GoJsonEncoder.Html }))
        {
            json.WriteStartObject();
            WriteFields(json, message);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteFields(Utf8JsonWriter json, IMessage message)
    {
        switch (message)
        {
            case ContainerCreate e:
                Text(json, "id", e.Id);
                Text(json, "image", e.Image);
                if (e.Runtime is { } runtime)
                {
                    json.WriteStartObject("runtime");
                    Text(json, "name", runtime.Name);
                    if (runtime.Options is { } options)
                    {
                        json.WriteStartObject("options");
                        Text(json, "type_url", options.TypeUrl);
                        Text(json, "value", options.Value.ToBase64());
                        json.WriteEndObject();
                    }
                    json.WriteEndObject();
                }
                break;
            case ContainerUpdate e:
                Text(json, "id", e.Id);
                Text(json, "image", e.Image);
                Map(json, "labels", e.Labels);
                Text(json, "snapshot_key", e.SnapshotKey);
                break;
            case ContainerDelete e:
                Text(json, "id", e.Id);
                break;
            case ImageCreate e:
                Text(json, "name", e.Name);
                Map(json, "labels", e.Labels);
                break;
            case ImageUpdate e:
                Text(json, "name", e.Name);
                Map(json, "labels", e.Labels);
                break;
            case ImageDelete e:
                Text(json, "name", e.Name);
                break;
            case NamespaceCreate e:
                Text(json, "name", e.Name);
                Map(json, "labels", e.Labels);
                break;
            case NamespaceDelete e:
                Text(json, "name", e.Name);
                break;
            case SnapshotPrepare e:
                Text(json, "key", e.Key);
                Text(json, "parent", e.Parent);
                Text(json, "snapshotter", e.Snapshotter);
                break;
            case SnapshotCommit e:
                Text(json, "key", e.Key);
                Text(json, "name", e.Name);
                Text(json, "snapshotter", e.Snapshotter);
                break;
            case SnapshotRemove e:
                Text(json, "key", e.Key);
                Text(json, "snapshotter", e.Snapshotter);
                break;
            default:
                WriteTaskFields(json, message);
                break;
        }
    }

    private static void WriteTaskFields(Utf8JsonWriter json, IMessage message)
    {
        switch (message)
        {
            case TaskCreate e:
                Text(json, "container_id", e.ContainerId);
                Text(json, "bundle", e.Bundle);
                if (e.Rootfs.Count > 0)
                {
                    json.WriteStartArray("rootfs");
                    foreach (Mount mount in e.Rootfs)
                        WriteMount(json, mount);
                    json.WriteEndArray();
                }
                if (e.Io is { } io)
                {
                    json.WriteStartObject("io");
                    Text(json, "stdin", io.Stdin);
                    Text(json, "stdout", io.Stdout);
                    Text(json, "stderr", io.Stderr);
                    if (io.Terminal)
                        json.WriteBoolean("terminal", true);
                    json.WriteEndObject();
                }
                Text(json, "checkpoint", e.Checkpoint);
                Number(json, "pid", e.Pid);
                break;
            case TaskStart e:
                Text(json, "container_id", e.ContainerId);
                Number(json, "pid", e.Pid);
                break;
            case TaskDelete e:
                Text(json, "container_id", e.ContainerId);
                Number(json, "pid", e.Pid);
                Number(json, "exit_status", e.ExitStatus);
                Time(json, "exited_at", e.ExitedAt);
                Text(json, "id", e.Id);
                break;
            case TaskExit e:
                Text(json, "container_id", e.ContainerId);
                Text(json, "id", e.Id);
                Number(json, "pid", e.Pid);
                Number(json, "exit_status", e.ExitStatus);
                Time(json, "exited_at", e.ExitedAt);
                break;
            case TaskOOM e:
                Text(json, "container_id", e.ContainerId);
                break;
            case TaskExecAdded e:
                Text(json, "container_id", e.ContainerId);
                Text(json, "exec_id", e.ExecId);
                break;
            case TaskExecStarted e:
                Text(json, "container_id", e.ContainerId);
                Text(json, "exec_id", e.ExecId);
                Number(json, "pid", e.Pid);
                break;
            case TaskPaused e:
                Text(json, "container_id", e.ContainerId);
                break;
            case TaskResumed e:
                Text(json, "container_id", e.ContainerId);
                break;
        }
    }

    private static void WriteMount(Utf8JsonWriter json, Mount mount)
    {
        json.WriteStartObject();
        Text(json, "type", mount.Type);
        Text(json, "source", mount.Source);
        Text(json, "target", mount.Target);
        if (mount.Options.Count > 0)
        {
            json.WriteStartArray("options");
            foreach (string option in mount.Options)
                json.WriteStringValue(option);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static void Text(Utf8JsonWriter json, string name, string value)
    {
        if (value.Length > 0)
            json.WriteString(name, value);
    }

    private static void Number(Utf8JsonWriter json, string name, long value)
    {
        if (value != 0)
            json.WriteNumber(name, value);
    }

    private static void Time(Utf8JsonWriter json, string name, Timestamp? value)
    {
        if (value is null)
            return;
        json.WriteStartObject(name);
        Number(json, "seconds", value.Seconds);
        Number(json, "nanos", value.Nanos);
        json.WriteEndObject();
    }

    private static void Map(Utf8JsonWriter json, string name, MapField<string, string> values)
    {
        if (values.Count == 0)
            return;
        json.WriteStartObject(name);
        foreach ((string key, string value) in values.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            json.WriteString(key, value);
        json.WriteEndObject();
    }
}
