using System.Text.Json;

namespace AotRuntime.Docker.Api;

/// <summary>
/// Members of the daemon's documents, with Go's zero values for what is missing or of another kind. The client reads documents rather than
/// types, since templates and inspect must show all that a daemon sends, also what this client has never heard of.
/// </summary>
public static class JsonExtensions
{
    /// <summary>A string member; "" where there is none.</summary>
    public static string Text(this JsonElement element, string name) =>
        element.TryMember(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    /// <summary>An integer member; 0 where there is none.</summary>
    public static long Number(this JsonElement element, string name) =>
        element.TryMember(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : 0;

    /// <summary>A numeric member as a float; 0 where there is none.</summary>
    public static double Float(this JsonElement element, string name) =>
        element.TryMember(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : 0;

    /// <summary>A boolean member; false where there is none.</summary>
    public static bool Flag(this JsonElement element, string name) =>
        element.TryMember(name, out JsonElement value) && value.ValueKind == JsonValueKind.True;

    /// <summary>An object or array member; undefined where there is none.</summary>
    public static JsonElement Member(this JsonElement element, string name) => element.TryMember(name, out JsonElement value) ? value : default;

    /// <summary>The items of an array member.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) => element.Member(name).Items();

    /// <summary>The items of an array; none where it isn't one.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Array)
            yield break;
        foreach (JsonElement item in element.EnumerateArray())
            yield return item;
    }

    /// <summary>The members of an object member.</summary>
    public static IEnumerable<JsonProperty> Members(this JsonElement element, string name)
    {
        JsonElement value = element.Member(name);
        if (value.ValueKind != JsonValueKind.Object)
            yield break;
        foreach (JsonProperty property in value.EnumerateObject())
            yield return property;
    }

    /// <summary>The strings of an array member.</summary>
    public static List<string> Texts(this JsonElement element, string name)
    {
        List<string> texts = [];
        foreach (JsonElement item in element.Items(name))
        {
            if (item.ValueKind == JsonValueKind.String)
                texts.Add(item.GetString()!);
        }
        return texts;
    }

    private static bool TryMember(this JsonElement element, string name, out JsonElement value)
    {
        value = default;
        return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out value);
    }
}
