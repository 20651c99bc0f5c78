using System.Buffers;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Snapshots;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>containers</c>.</summary>
internal static class CtrContainers
{
    public static async Task<int> RunAsync(CtrClient client, string command, List<string> rest)
    {
        switch (command)
        {
            case "list":
            {
                CtrArguments args = CtrArguments.Parse(rest, "quiet,q");
                var request = new ListContainersRequest();
                request.Filters.AddRange(args.Positional);
                ListContainersResponse list = await client.CallAsync(ContainersMethods.List, request).ConfigureAwait(false);
                var table = new CtrTable(4, 4, "CONTAINER", "IMAGE", "RUNTIME");
                foreach (Container container in list.Containers)
                {
                    if (args.Has("quiet"))
                        Console.Out.WriteLine(container.Id);
                    else
                        table.Add(container.Id, container.Image.Length > 0 ? container.Image : "-", container.Runtime?.Name ?? "");
                }
                if (!args.Has("quiet"))
                    Console.Out.Write(table.Format());
                return 0;
            }
            case "remove":
            {
                CtrArguments args = CtrArguments.Parse(rest, "keep-snapshot");
                if (args.Positional.Count == 0)
                    throw new CtrException("must specify at least one container to delete");
                int code = 0;
                foreach (string id in args.Positional)
                {
                    try
                    {
                        await RemoveAsync(client, id, args.Has("keep-snapshot")).ConfigureAwait(false);
                    }
                    catch (RpcException e)
                    {
                        Console.Error.WriteLine($"ctr: {e.Message}");
                        code = 1;
                    }
                }
                return code;
            }
            case "info":
            {
                CtrArguments args = CtrArguments.Parse(rest, "spec");
                if (args.Positional.Count == 0)
                    throw new CtrException("container id must be provided");
                GetContainerResponse got = await client.CallAsync(ContainersMethods.Get, new GetContainerRequest { Id = args.Positional[0] }).ConfigureAwait(false);
                Console.Out.WriteLine(Describe(got.Container, args.Has("spec")));
                return 0;
            }
            default:
                throw CtrRole.Unknown(command);
        }
    }

    /// <summary>Removes a container, and its snapshot unless that is to stay.</summary>
    public static async Task RemoveAsync(CtrClient client, string id, bool keepSnapshot)
    {
        Container container = (await client.CallAsync(ContainersMethods.Get, new GetContainerRequest { Id = id }).ConfigureAwait(false)).Container;
        await client.CallAsync(ContainersMethods.Delete, new DeleteContainerRequest { Id = id }).ConfigureAwait(false);
        if (keepSnapshot || container.SnapshotKey.Length == 0)
            return;
        try
        {
            await client.CallAsync(SnapshotsMethods.Remove, new RemoveSnapshotRequest { Snapshotter = container.Snapshotter, Key = container.SnapshotKey }).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Status == RpcStatus.NotFound)
        {
            // It is gone, as was wanted.
            return;
        }
    }

    // The field names are those of Go's struct, as containerd's client prints it.
    private static string Describe(Container container, bool specOnly)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, IndentSize = 4, Encoder = GoJsonEncoder.Html }))
        {
            if (specOnly)
            {
                WriteSpec(json, container);
            }
            else
            {
                json.WriteStartObject();
                json.WriteString("ID", container.Id);
                json.WriteStartObject("Labels");
                foreach ((string key, string value) in container.Labels)
                    json.WriteString(key, value);
                json.WriteEndObject();
                json.WriteString("Image", container.Image);
                json.WriteStartObject("Runtime");
                json.WriteString("Name", container.Runtime?.Name ?? "");
                if (container.Runtime?.Options is { } options)
                {
                    json.WriteStartObject("Options");
                    json.WriteString("type_url", options.TypeUrl);
                    json.WriteBase64String("value", options.Value.Span);
                    json.WriteEndObject();
                }
                else
                {
                    json.WriteNull("Options");
                }
                json.WriteEndObject();
                json.WriteString("SnapshotKey", container.SnapshotKey);
                json.WriteString("Snapshotter", container.Snapshotter);
                json.WriteString("CreatedAt", Time(container.CreatedAt));
                json.WriteString("UpdatedAt", Time(container.UpdatedAt));
                json.WriteStartObject("Extensions");
                foreach ((string key, Any value) in container.Extensions)
                {
                    json.WriteStartObject(key);
                    json.WriteString("type_url", value.TypeUrl);
                    json.WriteBase64String("value", value.Value.Span);
                    json.WriteEndObject();
                }
                json.WriteEndObject();
                json.WriteString("SandboxID", container.Sandbox);
                json.WritePropertyName("Spec");
                WriteSpec(json, container);
                json.WriteEndObject();
            }
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    // Go's RFC3339Nano: no more digits than the time has.
    private static string? Time(Timestamp? time) =>
        time?.ToDateTimeOffset().ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFF'Z'", System.Globalization.CultureInfo.InvariantCulture);

    private static void WriteSpec(Utf8JsonWriter json, Container container)
    {
        if (container.Spec is null)
        {
            json.WriteNullValue();
            return;
        }
        using JsonDocument spec = JsonDocument.Parse(container.Spec.Value.Memory);
        spec.WriteTo(json);
    }
}
