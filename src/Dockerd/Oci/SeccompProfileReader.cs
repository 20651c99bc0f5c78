using System.Globalization;
using System.Text.Json;

namespace AotRuntime.Dockerd.Oci;

/// <summary>Reads a profile that a user wrote (Docker's JSON: the runtime-spec's, and conditions).</summary>
internal static class SeccompProfileReader
{
    private const string Native = "SCMP_ARCH_X86_64";

    /// <summary>The profile; null for an empty one, which means none.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static SeccompProfile? Read(ReadOnlyMemory<byte> text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return Profile(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or OverflowException)
        {
            // A member of the wrong kind is an InvalidOperationException of JsonElement's.
            throw new FormatException($"Decoding seccomp profile failed: {e.Message}", e);
        }
    }

    private static SeccompProfile? Profile(JsonElement json)
    {
        string defaultAction = Text(json, "defaultAction");
        List<SeccompRule> rules = [];
        foreach (JsonElement call in Items(json, "syscalls"))
            rules.Add(Rule(call));
        if (defaultAction.Length == 0 && rules.Count == 0)
            return null;
        List<string> architectures = Texts(json, "architectures");
        List<JsonElement> map = Items(json, "archMap");
        if (architectures.Count > 0 && map.Count > 0)
            throw new FormatException("both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'");
        foreach (JsonElement entry in map)
        {
            if (Text(entry, "architecture") != Native)
                continue;
            architectures = [Native, .. Texts(entry, "subArchitectures")];
            break;
        }
        return new SeccompProfile
        {
            DefaultAction = defaultAction,
            DefaultErrnoRet = Member(json, "defaultErrnoRet")?.GetUInt32(),
            Architectures = architectures,
            Flags = Member(json, "flags") is null ? null : Texts(json, "flags"),
            ListenerPath = Text(json, "listenerPath"),
            ListenerMetadata = Text(json, "listenerMetadata"),
            Rules = rules,
        };
    }

    private static SeccompRule Rule(JsonElement json)
    {
        List<string> names = Texts(json, "names");
        // "name" is how profiles of Docker 1.10 were written.
        if (Text(json, "name") is { Length: > 0 } name)
            names = names.Count == 0 ? [name] : throw new FormatException("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
        List<SeccompArgument> arguments = [];
        foreach (JsonElement a in Items(json, "args"))
            arguments.Add(new SeccompArgument(Member(a, "index")?.GetUInt32() ?? 0, Member(a, "value")?.GetUInt64() ?? 0, Member(a, "valueTwo")?.GetUInt64() ?? 0, Text(a, "op")));
        return new SeccompRule
        {
            Names = names,
            Action = Text(json, "action"),
            ErrnoRet = Member(json, "errnoRet")?.GetUInt32(),
            Arguments = arguments,
            Includes = Condition(json, "includes"),
            Excludes = Condition(json, "excludes"),
        };
    }

    private static SeccompCondition? Condition(JsonElement json, string name) => Member(json, name) is not { } condition ? null : new SeccompCondition
    {
        Capabilities = Texts(condition, "caps"),
        Architectures = Texts(condition, "arches"),
        MinKernel = Text(condition, "minKernel") is { Length: > 0 } kernel ? Kernel(kernel) : null,
    };

    private static Version Kernel(string text)
    {
        string[] parts = text.Split('.');
        if (parts.Length == 2 && byte.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out byte kernel)
            && byte.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out byte major) && (kernel > 0 || major > 0))
            return new Version(kernel, major);
        throw new FormatException($"Decoding seccomp profile failed: invalid kernel version: \"{text}\", expected \"<kernel>.<major>\"");
    }

    private static JsonElement? Member(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string Text(JsonElement json, string name) => Member(json, name)?.GetString() ?? "";

    private static List<JsonElement> Items(JsonElement json, string name) => Member(json, name) is { } array ? [.. array.EnumerateArray()] : [];

    private static List<string> Texts(JsonElement json, string name) => Items(json, name).ConvertAll(i => i.GetString() ?? "");
}
