using System.Reflection;
using System.Text.Json;
using AotRuntime.EngineApi;
using AotRuntime.Images;
using AotRuntime.Json;
using AotRuntime.Runc.Spec;
using Oci = AotRuntime.Dockerd.Oci;

namespace AotRuntime.Tests.Unit.Json;

/// <summary>One document type: its codec, and the options that make System.Text.Json's own serializer do the same.</summary>
internal sealed record JsonRoot(string Name, Type Type, JsonSerializerOptions Reference, JsonRoot.Reader Parse, Func<object, byte[]> Write)
{
    public delegate object? Reader(ReadOnlySpan<byte> json);

    public override string ToString() => Name;

    public static IReadOnlyList<JsonRoot> All { get; } =
    [
        Engine(EngineJson.Types.AuthConfig), Engine(EngineJson.Types.ContainerConfig), Engine(EngineJson.Types.ContainerCreateRequest),
        Engine(EngineJson.Types.ContainerCreateResponse), Engine(EngineJson.Types.ContainerInspect), Engine(EngineJson.Types.ContainerPathStat),
        Engine(EngineJson.Types.ContainersPruneReport), Engine(EngineJson.Types.ContainerStats), Engine(EngineJson.Types.ContainerTopResponse),
        Engine(EngineJson.Types.ContainerUpdateRequest), Engine(EngineJson.Types.ContainerUpdateResponse), Engine(EngineJson.Types.ContainerWaitResponse),
        Engine(EngineJson.Types.DiskUsage), Engine(EngineJson.Types.ErrorResponse), Engine(EngineJson.Types.EventMessage),
        Engine(EngineJson.Types.ExecCreateRequest), Engine(EngineJson.Types.ExecCreateResponse), Engine(EngineJson.Types.ExecInspect),
        Engine(EngineJson.Types.ExecStartRequest), Engine(EngineJson.Types.ImageInspect), Engine(EngineJson.Types.ImagesPruneReport),
        Engine(EngineJson.Types.JsonMessage), Engine(EngineJson.Types.ListContainerSummary), Engine(EngineJson.Types.ListImageDeleteItem),
        Engine(EngineJson.Types.ListImageHistoryItem), Engine(EngineJson.Types.ListImageSummary), Engine(EngineJson.Types.ListNetworkResource),
        Engine(EngineJson.Types.NetworkConnectRequest), Engine(EngineJson.Types.NetworkCreateRequest), Engine(EngineJson.Types.NetworkCreateResponse),
        Engine(EngineJson.Types.NetworkResource), Engine(EngineJson.Types.NetworksPruneReport), Engine(EngineJson.Types.SystemInfo),
        Engine(EngineJson.Types.SystemVersion), Engine(EngineJson.Types.Volume), Engine(EngineJson.Types.VolumeCreateRequest),
        Engine(EngineJson.Types.VolumeListResponse), Engine(EngineJson.Types.VolumesPruneReport),
        Of("Image", OciJsonContext.Manifest, ReferenceJson.Image), Of("Image", OciJsonContext.ImageIndex, ReferenceJson.Image),
        Of("Image", OciJsonContext.ManifestProbe, ReferenceJson.Image), Of("Image", OciJsonContext.ImageConfig, ReferenceJson.Image),
        Of("Image", OciJsonContext.RegistryErrorList, ReferenceJson.Image), Of("Image", OciJsonContext.TokenResponse, ReferenceJson.Image),
        Of("Image", OciJsonContext.TagList, ReferenceJson.Image), Of("Image", OciJsonContext.RepositoryList, ReferenceJson.Image),
        Of("Spec", SpecJson.RuntimeSpec, ReferenceJson.Spec), Of("Spec", SpecJson.ProcessSpec, ReferenceJson.Spec),
        Of("Spec", SpecJson.ResourcesSpec, ReferenceJson.Spec), Of("Spec", SpecJson.SeccompSpec, ReferenceJson.Spec),
        Of("Spec", SpecJson.ContainerState, ReferenceJson.Spec),
        Of("Made", Oci.OciJsonContext.OciSpec, ReferenceJson.Made), Of("Made", Oci.OciJsonContext.OciProcess, ReferenceJson.Made),
        Of("Made", Oci.OciJsonContext.OciResources, ReferenceJson.Made),
        Of("Record", global::AotRuntime.Dockerd.Containers.ContainerJsonContext.ContainerRecord, ReferenceJson.Plain),
        Of("Record", global::AotRuntime.Dockerd.Volumes.VolumeJsonContext.VolumeRecord, ReferenceJson.Plain),
        Of("Record", global::AotRuntime.Containerd.ShimJson.BootstrapReply, ReferenceJson.Plain),
    ];

    private static JsonRoot Engine<TCodec>(TCodec codec) where TCodec : class => Of("Engine", codec, ReferenceJson.Engine);

    private static JsonRoot Of<TCodec>(string house, TCodec codec, JsonSerializerOptions reference) where TCodec : class
    {
        // A codec reads and writes one type; C# does not infer it from a constraint.
        Type type = typeof(TCodec).GetInterface("IJsonReader`1")!.GetGenericArguments()[0];
        return (JsonRoot)typeof(JsonRoot).GetMethod(nameof(Make), BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(type)
            .Invoke(null, [house, codec, reference])!;
    }

    private static JsonRoot Make<T>(string house, object codec, JsonSerializerOptions reference) => new(
        $"{house}/{typeof(T)}", typeof(T), reference, json => JsonText.Parse(json, (IJsonReader<T>)codec), value => JsonText.ToBytes((T)value, (IJsonWriter<T>)codec, reference.Encoder));
}
