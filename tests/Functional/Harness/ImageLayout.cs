using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional.Harness;

/// <summary>Builds an OCI image layout (image-spec image-layout.md) blob by blob, so that a test can also build a wrong one.</summary>
internal sealed class ImageLayout
{
    private const string Oci = "application/vnd.oci.image.";
    private readonly string _path;
    private readonly JsonArray _layers = [];
    private readonly JsonArray _diffIds = [];

    public ImageLayout(string path)
    {
        _path = path;
        Directory.CreateDirectory(Path.Combine(path, "blobs/sha256"));
    }

    /// <summary>Changes the manifest before it is written.</summary>
    public Action<JsonObject>? EditManifest { get; init; }

    public static string DigestOf(byte[] data) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(data));

    public string BlobPath(string digest) => Path.Combine(_path, "blobs/sha256", digest["sha256:".Length..]);

    public JsonObject Blob(byte[] data, string mediaType)
    {
        string digest = DigestOf(data);
        File.WriteAllBytes(BlobPath(digest), data);
        return new JsonObject { ["mediaType"] = mediaType, ["digest"] = digest, ["size"] = data.Length };
    }

    /// <summary>Adds a gzip layer of what <paramref name="fill"/> writes.</summary>
    public JsonObject Layer(Action<TarWriter> fill)
    {
        using MemoryStream tar = new();
        using (TarWriter writer = new(tar, TarEntryFormat.Pax, leaveOpen: true))
            fill(writer);
        return LayerOf(tar.ToArray());
    }

    /// <summary>Adds a gzip layer of raw tar bytes.</summary>
    public JsonObject LayerOf(byte[] tar, string mediaType = Oci + "layer.v1.tar+gzip")
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(tar);
        JsonObject descriptor = Blob(packed.ToArray(), mediaType);
        _layers.Add(descriptor);
        _diffIds.Add(DigestOf(tar));
        return descriptor;
    }

    /// <summary>Writes config, manifest and index; gives the image's ID (the config's digest).</summary>
    public string Finish(JsonObject config, string tag = "latest")
    {
        JsonObject image = new()
        {
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["created"] = "2026-01-01T00:00:00Z",
            ["config"] = config,
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = _diffIds },
        };
        JsonObject configDescriptor = Blob(Bytes(image), Oci + "config.v1+json");
        string id = (string)configDescriptor["digest"]!;
        JsonObject manifest = new()
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = Oci + "manifest.v1+json",
            ["config"] = configDescriptor,
            ["layers"] = _layers,
        };
        EditManifest?.Invoke(manifest);
        JsonObject descriptor = Blob(Bytes(manifest), Oci + "manifest.v1+json");
        descriptor["annotations"] = new JsonObject { ["org.opencontainers.image.ref.name"] = tag };
        File.WriteAllBytes(Path.Combine(_path, "index.json"), Bytes(new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(descriptor) }));
        File.WriteAllText(Path.Combine(_path, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        return id;
    }

    private static byte[] Bytes(JsonNode node) => Encoding.UTF8.GetBytes(node.ToJsonString(new JsonSerializerOptions()));
}

/// <summary>Short forms for tar entries.</summary>
internal static class TarWriterExtensions
{
    public static void Add(this TarWriter writer, string name, string content, int mode = 420, int uid = 0, int gid = 0) =>
        writer.Add(name, Encoding.UTF8.GetBytes(content), mode, uid, gid);

    public static void Add(this TarWriter writer, string name, byte[] content, int mode = 420, int uid = 0, int gid = 0, Dictionary<string, string>? attributes = null) =>
        writer.WriteEntry(Shape(new PaxTarEntry(TarEntryType.RegularFile, name, attributes ?? []) { DataStream = new MemoryStream(content) }, mode, uid, gid));

    public static void Directory(this TarWriter writer, string name, int mode = 493, int uid = 0, int gid = 0) =>
        writer.WriteEntry(Shape(new PaxTarEntry(TarEntryType.Directory, name), mode, uid, gid));

    public static void Link(this TarWriter writer, TarEntryType type, string name, string target) =>
        writer.WriteEntry(Shape(new PaxTarEntry(type, name) { LinkName = target }, 511, 0, 0));

    public static void Special(this TarWriter writer, TarEntryType type, string name, int mode, int major = 0, int minor = 0)
    {
        PaxTarEntry entry = new(type, name);
        if (type != TarEntryType.Fifo)
        {
            entry.DeviceMajor = major;
            entry.DeviceMinor = minor;
        }
        writer.WriteEntry(Shape(entry, mode, 0, 0));
    }

    private static PaxTarEntry Shape(PaxTarEntry entry, int mode, int uid, int gid)
    {
        entry.Mode = (UnixFileMode)mode;
        entry.Uid = uid;
        entry.Gid = gid;
        entry.ModificationTime = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);
        return entry;
    }
}
