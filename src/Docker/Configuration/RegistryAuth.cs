using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace AotRuntime.Docker.Configuration;

/// <summary>Credentials for one registry.</summary>
public sealed record RegistryAuth(string Username, string Password, string IdentityToken, string ServerAddress)
{
    /// <summary>Reads an entry of <c>auths</c>: <c>auth</c> is base64 of <c>user:password</c>.</summary>
    public static RegistryAuth Read(JsonElement element, string server)
    {
        string username = Member(element, "username");
        string password = Member(element, "password");
        string auth = Member(element, "auth");
        if (auth.Length > 0)
        {
            try
            {
                string pair = Encoding.UTF8.GetString(Convert.FromBase64String(auth)).Trim('\0');
                int colon = pair.IndexOf(':');
                if (colon >= 0)
                    (username, password) = (pair[..colon], pair[(colon + 1)..]);
            }
            catch (FormatException)
            {
                // Not base64: as good as no credentials, and no reason to refuse other registries.
                username = "";
            }
        }
        return new RegistryAuth(username, password, Member(element, "identitytoken"), server);
    }

    private static string Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    /// <summary>Writes an entry of <c>auths</c>.</summary>
    public void Write(Utf8JsonWriter writer, string registry)
    {
        writer.WriteStartObject(registry);
        if (Username.Length > 0)
            writer.WriteString("auth", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Username}:{Password}")));
        if (IdentityToken.Length > 0)
            writer.WriteString("identitytoken", IdentityToken);
        writer.WriteEndObject();
    }

    /// <summary>The JSON that the API knows as AuthConfig.</summary>
    public byte[] ToJson()
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter writer = new(buffer))
        {
            writer.WriteStartObject();
            if (Username.Length > 0)
                writer.WriteString("username", Username);
            if (Password.Length > 0)
                writer.WriteString("password", Password);
            if (ServerAddress.Length > 0)
                writer.WriteString("serveraddress", ServerAddress);
            if (IdentityToken.Length > 0)
                writer.WriteString("identitytoken", IdentityToken);
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The value of X-Registry-Auth: base64url, padded as docker pads it.</summary>
    public string ToHeader()
    {
        string text = Base64Url.EncodeToString(ToJson());
        return text.PadRight((text.Length + 3) / 4 * 4, '=');
    }
}
