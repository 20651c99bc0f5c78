using System.Text.Json;
using System.Text.Json.Serialization;

namespace AotRuntime.Images.Registry;

/// <summary>The error body of registries (distribution-spec, error codes).</summary>
public sealed record RegistryErrorList
{
    /// <summary>At least one.</summary>
    public RegistryError[]? Errors { get; init; }

    /// <summary>Token servers' older form.</summary>
    public string? Details { get; init; }
}

/// <summary>One error of a registry.</summary>
public sealed record RegistryError
{
    /// <summary>Code, <c>MANIFEST_UNKNOWN</c>.</summary>
    public string? Code { get; init; }

    /// <summary>Text for people.</summary>
    public string? Message { get; init; }

    /// <summary>Whatever else.</summary>
    public JsonElement? Detail { get; init; }
}

/// <summary>A token server's answer.</summary>
public sealed record TokenResponse
{
    /// <summary>The token.</summary>
    public string? Token { get; init; }

    /// <summary>The same, in OAuth 2's name.</summary>
    [JsonPropertyName("access_token")]
    public string? AccessToken { get; init; }

    /// <summary>Seconds that it stays good for; 60 where not told.</summary>
    [JsonPropertyName("expires_in")]
    public long? ExpiresIn { get; init; }
}

/// <summary>The tags of a repository.</summary>
public sealed record TagList
{
    /// <summary>The repository.</summary>
    public string? Name { get; init; }

    /// <summary>Its tags.</summary>
    public string[]? Tags { get; init; }
}

/// <summary>The repositories of a registry.</summary>
public sealed record RepositoryList
{
    /// <summary>Their names.</summary>
    public string[]? Repositories { get; init; }
}
