using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AotRuntime.Docker.Api;

/// <summary>A request's path with a query, built part by part.</summary>
public sealed class Query(string path)
{
    private readonly StringBuilder _text = new(path);
    private bool _any;

    /// <summary>Adds <paramref name="name"/>=<paramref name="value"/>.</summary>
    public Query Add(string name, string value)
    {
        _text.Append(_any ? '&' : '?').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        _any = true;
        return this;
    }

    /// <summary>Adds it if <paramref name="value"/> isn't empty.</summary>
    public Query AddUnlessEmpty(string name, string value) => value.Length > 0 ? Add(name, value) : this;

    /// <summary>Adds <c>1</c> if <paramref name="value"/> holds.</summary>
    public Query AddIf(string name, bool value) => value ? Add(name, "1") : this;

    /// <summary>Adds a number.</summary>
    public Query Add(string name, long value) => Add(name, value.ToString(CultureInfo.InvariantCulture));

    /// <summary>Adds filters (<c>key=value</c>) as the API's JSON of <c>{"key":{"value":true}}</c>.</summary>
    public Query AddFilters(IEnumerable<string> filters)
    {
        SortedDictionary<string, SortedSet<string>> byKey = new(StringComparer.Ordinal);
        foreach (string filter in filters)
        {
            int equals = filter.IndexOf('=');
            if (equals < 0)
                continue;
            string key = filter[..equals].Trim().ToLowerInvariant();
            if (!byKey.TryGetValue(key, out SortedSet<string>? values))
                byKey[key] = values = new SortedSet<string>(StringComparer.Ordinal);
            values.Add(filter[(equals + 1)..].Trim());
        }
        if (byKey.Count == 0)
            return this;
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter writer = new(buffer))
        {
            writer.WriteStartObject();
            foreach ((string key, SortedSet<string> values) in byKey)
            {
                writer.WriteStartObject(key);
                foreach (string value in values)
                    writer.WriteBoolean(value, true);
                writer.WriteEndObject();
            }
            writer.WriteEndObject();
        }
        return Add("filters", Encoding.UTF8.GetString(buffer.WrittenSpan));
    }

    /// <summary>The whole.</summary>
    public override string ToString() => _text.ToString();

    /// <summary>A name or ID as one segment of a path.</summary>
    public static string Segment(string name) => Uri.EscapeDataString(name);

    /// <summary>An image's name as part of a path: its slashes stay.</summary>
    public static string ImagePath(string name) => Uri.EscapeDataString(name).Replace("%2F", "/").Replace("%3A", ":").Replace("%40", "@");
}
