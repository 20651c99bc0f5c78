using System.Text.Json;
using AotRuntime.Json;

namespace AotRuntime.Images;

/// <summary>Tells manifests apart by what they hold.</summary>
public static class ManifestReader
{
    /// <summary>What kind of document this is; null where it is no JSON object.</summary>
    public static ManifestProbe? Probe(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonText.Parse(json, OciJsonContext.ManifestProbe);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The media type that a document tells, or that its members give away; null for neither manifest nor index.</summary>
    public static string? MediaTypeOf(ManifestProbe probe)
    {
        if (probe.SchemaVersion == 1 || probe.FsLayers is not null)
            return MediaTypes.DockerSchema1Signed;
        // A document with both would be a manifest to one reader and an index to the other (CVE-2021-41190).
        if (probe.Manifests is not null && (probe.Layers is not null || probe.Config is not null))
            return null;
        if (probe.MediaType is { Length: > 0 } told)
            return told;
        if (probe.Manifests is not null)
            return MediaTypes.OciIndex;
        return probe.Config is not null ? MediaTypes.OciManifest : null;
    }
}
