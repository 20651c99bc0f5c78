using System.Text.Json;
using System.Text.Json.Serialization;

namespace AotRuntime.EngineApi;

/// <summary>One line of <c>GET /images/json</c>.</summary>
public sealed class ImageSummary
{
    public int Containers { get; set; } = -1;
    public long Created { get; set; }
    public string Id { get; set; } = "";
    public Dictionary<string, string>? Labels { get; set; }
    public string ParentId { get; set; } = "";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public ImageDescriptor? Descriptor { get; set; }
    public List<string> RepoDigests { get; set; } = [];
    public List<string> RepoTags { get; set; } = [];
    public long SharedSize { get; set; } = -1;
    public long Size { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public long VirtualSize { get; set; }
}

/// <summary>Answer of <c>GET /images/{name}/json</c>.</summary>
public sealed class ImageInspect
{
    public string Id { get; set; } = "";
    public List<string> RepoTags { get; set; } = [];
    public List<string> RepoDigests { get; set; } = [];
    public string Parent { get; set; } = "";
    public string Comment { get; set; } = "";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Created { get; set; }
    public string DockerVersion { get; set; } = "";
    public string Author { get; set; } = "";
    public ContainerConfig? Config { get; set; }
    public string Architecture { get; set; } = "";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Variant { get; set; }
    public string Os { get; set; } = "";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? OsVersion { get; set; }
    public long Size { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public long VirtualSize { get; set; }
    public GraphDriverData GraphDriver { get; set; } = new();
    public RootFsSummary RootFS { get; set; } = new();
    public ImageMetadata Metadata { get; set; } = new();
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public ImageDescriptor? Descriptor { get; set; }
}

/// <summary>An image's layers.</summary>
public sealed class RootFsSummary
{
    public string Type { get; set; } = "layers";
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public List<string>? Layers { get; set; }
}

/// <summary>What is known here only.</summary>
public sealed class ImageMetadata
{
    public string LastTagTime { get; set; } = GoTime.Zero;
}

/// <summary>One line of history.</summary>
public sealed class ImageHistoryItem
{
    public string Comment { get; set; } = "";
    public long Created { get; set; }
    public string CreatedBy { get; set; } = "";
    public string Id { get; set; } = "";
    public long Size { get; set; }
    public List<string>? Tags { get; set; }
}

/// <summary>One step of a deletion.</summary>
public sealed class ImageDeleteItem
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Untagged { get; set; }
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Deleted { get; set; }
}

/// <summary>Answer of prune.</summary>
public sealed class ImagesPruneReport
{
    public List<ImageDeleteItem>? ImagesDeleted { get; set; }
    public ulong SpaceReclaimed { get; set; }
}

/// <summary>One object of a progress stream (pull, load, …).</summary>
public sealed class JsonMessage
{
    [JsonPropertyName("stream"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Stream { get; set; }
    [JsonPropertyName("status"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Status { get; set; }
    [JsonPropertyName("progressDetail"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public JsonProgress? ProgressDetail { get; set; }
    [JsonPropertyName("progress"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Progress { get; set; }
    [JsonPropertyName("id"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Id { get; set; }
    [JsonPropertyName("from"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? From { get; set; }
    [JsonPropertyName("errorDetail"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public JsonMessageError? ErrorDetail { get; set; }
    [JsonPropertyName("error"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Error { get; set; }
    [JsonPropertyName("aux"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public JsonElement? Aux { get; set; }
}

/// <summary>How far a step is.</summary>
public sealed class JsonProgress
{
    [JsonPropertyName("current"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public long Current { get; set; }
    [JsonPropertyName("total"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public long Total { get; set; }
    [JsonPropertyName("start"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public long Start { get; set; }
    [JsonPropertyName("hidecounts"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public bool HideCounts { get; set; }
    [JsonPropertyName("units"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Units { get; set; }
}

/// <summary>Why a stream ended early.</summary>
public sealed class JsonMessageError
{
    [JsonPropertyName("code"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public int Code { get; set; }
    [JsonPropertyName("message")] public string Message { get; set; } = "";
}

/// <summary>Credentials for a registry: <c>POST /auth</c>, and <c>X-Registry-Auth</c> in URL-safe base64.</summary>
public sealed class AuthConfig
{
    [JsonPropertyName("username"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Username { get; set; }
    [JsonPropertyName("password"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Password { get; set; }
    [JsonPropertyName("auth"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? Auth { get; set; }
    [JsonPropertyName("serveraddress"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? ServerAddress { get; set; }
    [JsonPropertyName("identitytoken"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? IdentityToken { get; set; }
    [JsonPropertyName("registrytoken"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] public string? RegistryToken { get; set; }
}

/// <summary>Answer of <c>POST /auth</c>.</summary>
public sealed class AuthResponse
{
    public string IdentityToken { get; set; } = "";
    public string Status { get; set; } = "";
}

/// <summary>Answer of <c>GET /distribution/{name}/json</c>.</summary>
public sealed class DistributionInspect
{
    public ImageDescriptor Descriptor { get; set; } = new();
    public List<ImagePlatform> Platforms { get; set; } = [];
}
