using System.Text;
using System.Text.Json;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Configuration;

/// <summary>The user's <c>config.json</c>. What isn't known here is kept when the file is written.</summary>
public sealed class ConfigFile
{
    /// <summary>Docker Hub's key among the credentials.</summary>
    public const string HubKey = "https://index.docker.io/v1/";

    private const int LargestFile = 8 * 1024 * 1024;
    private readonly string _path;
    private readonly JsonElement _root;
    private readonly SortedDictionary<string, RegistryAuth> _auths = new(StringComparer.Ordinal);

    private ConfigFile(string path, JsonElement root)
    {
        _path = path;
        _root = root;
        if (!TryGet("auths", JsonValueKind.Object, out JsonElement auths))
            return;
        foreach (JsonProperty auth in auths.EnumerateObject())
            _auths[auth.Name] = RegistryAuth.Read(auth.Value, auth.Name);
    }

    /// <summary>$DOCKER_CONFIG, or <c>.docker</c> in the home folder.</summary>
    public static string DefaultDirectory =>
        Environment.GetEnvironmentVariable("DOCKER_CONFIG") is { Length: > 0 } told
            ? told
            : Path.Combine(Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } home ? home : "/root", ".docker");

    /// <summary>The file's path.</summary>
    public string FilePath => _path;

    /// <summary>Keys that detach, where the user chose others.</summary>
    public string DetachKeys => Text("detachKeys");

    /// <summary>Context to use, where the user chose one.</summary>
    public string CurrentContext => Text("currentContext");

    /// <summary>Fields to send with every request.</summary>
    public IEnumerable<KeyValuePair<string, string>> HttpHeaders
    {
        get
        {
            if (!TryGet("HttpHeaders", JsonValueKind.Object, out JsonElement headers))
                yield break;
            foreach (JsonProperty header in headers.EnumerateObject())
            {
                if (header.Value.ValueKind == JsonValueKind.String)
                    yield return new(header.Name, header.Value.GetString()!);
            }
        }
    }

    /// <summary>Credentials by registry.</summary>
    public IReadOnlyDictionary<string, RegistryAuth> Auths => _auths;

    /// <summary>The user's format of a list (<c>psFormat</c>, <c>imagesFormat</c>, …); empty where there is none.</summary>
    public string Text(string name) => TryGet(name, JsonValueKind.String, out JsonElement value) ? value.GetString()! : "";

    /// <summary>Reads the file of <paramref name="directory"/>; an empty configuration where there is none.</summary>
    /// <exception cref="CommandException">It isn't JSON.</exception>
    public static ConfigFile Load(string directory)
    {
        string path = Path.Combine(directory, "config.json");
        byte[] bytes;
        try
        {
            FileInfo info = new(path);
            if (!info.Exists || info.Length > LargestFile)
                return new ConfigFile(path, default);
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new ConfigFile(path, default);
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            return new ConfigFile(path, document.RootElement.Clone());
        }
        catch (JsonException e)
        {
            throw new CommandException($"Error loading config file: {path}: {e.Message}");
        }
    }

    /// <summary>Keeps credentials.</summary>
    public void Store(string registry, RegistryAuth auth)
    {
        _auths[registry] = auth;
        Save();
    }

    /// <summary>Forgets credentials.</summary>
    public bool Erase(string registry)
    {
        bool found = _auths.Remove(registry);
        if (found)
            Save();
        return found;
    }

    private void Save()
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter writer = new(buffer, new JsonWriterOptions { Indented = true, IndentCharacter = '\t', IndentSize = 1 }))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("auths");
            foreach ((string registry, RegistryAuth auth) in _auths)
                auth.Write(writer, registry);
            writer.WriteEndObject();
            if (_root.ValueKind == JsonValueKind.Object)
            {
                foreach (JsonProperty property in _root.EnumerateObject())
                {
                    if (property.Name != "auths")
                        property.WriteTo(writer);
                }
            }
            writer.WriteEndObject();
        }

        // Complete or not at all, and readable to nobody else at any moment.
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string temporary = $"{_path}.{Environment.ProcessId}.tmp";
        using (FileStream file = new(temporary, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            buffer.WriteTo(file);
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, _path, overwrite: true);
    }

    private bool TryGet(string name, JsonValueKind kind, out JsonElement value)
    {
        value = default;
        return _root.ValueKind == JsonValueKind.Object && _root.TryGetProperty(name, out value) && value.ValueKind == kind;
    }
}
