namespace AotRuntime.Images.Registry;

/// <summary>Credentials for a registry.</summary>
public sealed record RegistryAuth
{
    /// <summary>User name; empty for none.</summary>
    public string Username { get; init; } = "";

    /// <summary>Password.</summary>
    public string Password { get; init; } = "";

    /// <summary>An OAuth 2 refresh token, in place of a password.</summary>
    public string IdentityToken { get; init; } = "";

    /// <summary>A bearer token, sent as it is.</summary>
    public string RegistryToken { get; init; } = "";

    /// <summary>No credentials.</summary>
    public static RegistryAuth None { get; } = new();

    /// <summary>Whether there is a user name or password to show.</summary>
    public bool HasPassword => Username.Length > 0 || Password.Length > 0;

    /// <summary>The members without secrets: a record prints all of its members, and these get logged.</summary>
    public override string ToString() => $"RegistryAuth {{ Username = {Username} }}";
}
