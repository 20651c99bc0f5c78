using System.Text.Json;

namespace AotRuntime.EngineApi;

/// <summary>
/// The <c>filters</c> parameter: since API 1.22 <c>{"label":{"a=b":true}}</c>, before that <c>{"label":["a=b"]}</c>; both are read, the first is written.
/// </summary>
public sealed class Filters
{
    private readonly Dictionary<string, List<string>> _values = [];

    /// <summary>The keys that were given.</summary>
    public IEnumerable<string> Keys => _values.Keys;

    /// <summary>Whether no filter was given.</summary>
    public bool IsEmpty => _values.Count == 0;

    /// <summary>Reads the parameter's text; empty gives no filters.</summary>
    /// <exception cref="FormatException">The text is neither form.</exception>
    public static Filters Parse(string? text)
    {
        Filters filters = new();
        if (string.IsNullOrEmpty(text))
            return filters;
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind == JsonValueKind.Null)
                return filters;
            foreach (JsonProperty filter in document.RootElement.EnumerateObject())
            {
                if (filter.Value.ValueKind == JsonValueKind.Array)
                {
                    foreach (JsonElement value in filter.Value.EnumerateArray())
                        filters.Add(filter.Name, value.GetString() ?? "");
                }
                else
                {
                    foreach (JsonProperty value in filter.Value.EnumerateObject())
                    {
                        if (value.Value.GetBoolean())
                            filters.Add(filter.Name, value.Name);
                    }
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("invalid filter", e);
        }
        return filters;
    }

    /// <summary>Adds one value of a key.</summary>
    public void Add(string key, string value)
    {
        if (!_values.TryGetValue(key, out List<string>? list))
            _values[key] = list = [];
        if (!list.Contains(value))
            list.Add(value);
    }

    /// <summary>The values of a key; none where it was not given.</summary>
    public IReadOnlyList<string> Get(string key) => _values.TryGetValue(key, out List<string>? list) ? list : [];

    /// <summary>Whether the key was given.</summary>
    public bool Contains(string key) => _values.ContainsKey(key);

    /// <summary>True where the key was not given or one of its values equals <paramref name="value"/>.</summary>
    public bool ExactMatch(string key, string value) => !_values.TryGetValue(key, out List<string>? list) || list.Contains(value);

    /// <summary>True where the key was not given, or one of its values is the beginning of <paramref name="value"/>.</summary>
    public bool PrefixMatch(string key, string value) =>
        !_values.TryGetValue(key, out List<string>? list) || list.Exists(v => value.StartsWith(v, StringComparison.Ordinal));

    /// <summary>True where the key was not given, or each of its values (<c>name</c> or <c>name=value</c>) is among <paramref name="labels"/>.</summary>
    public bool MatchLabels(string key, IReadOnlyDictionary<string, string>? labels)
    {
        foreach (string wanted in Get(key))
        {
            int equals = wanted.IndexOf('=');
            string name = equals < 0 ? wanted : wanted[..equals];
            if (labels is null || !labels.TryGetValue(name, out string? value) || (equals >= 0 && value != wanted[(equals + 1)..]))
                return false;
        }
        return true;
    }

    /// <summary>A key that means yes or no: <paramref name="fallback"/> where it was not given.</summary>
    /// <exception cref="FormatException">The value is neither, or both.</exception>
    public bool GetBool(string key, bool fallback)
    {
        IReadOnlyList<string> values = Get(key);
        if (values.Count == 0)
            return fallback;
        bool yes = values.Any(v => v is "1" or "true"), no = values.Any(v => v is "0" or "false");
        if (yes == no)
            throw new FormatException($"invalid filter '{key}={string.Join(',', values)}'");
        return yes;
    }

    /// <summary>The key that is none of <paramref name="allowed"/>, if there is one.</summary>
    public string? FirstUnknown(params ReadOnlySpan<string> allowed)
    {
        foreach (string key in _values.Keys)
        {
            if (!allowed.Contains(key))
                return key;
        }
        return null;
    }

    /// <summary>The parameter's text.</summary>
    public override string ToString()
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter writer = new(buffer))
        {
            writer.WriteStartObject();
            foreach ((string key, List<string> values) in _values)
            {
                writer.WriteStartObject(key);
                foreach (string value in values)
                    writer.WriteBoolean(value, true);
                writer.WriteEndObject();
            }
            writer.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
