using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Templates;

/// <summary>Something with fields that templates may name: a row of a list.</summary>
public interface ITemplateObject
{
    /// <summary>The name of the type in docker's own errors.</summary>
    string GoType { get; }

    /// <summary>The field or method <paramref name="name"/>; false where there is none.</summary>
    bool TryGet(string name, IReadOnlyList<object?> arguments, out object? value);

    /// <summary>All of it as JSON.</summary>
    void AppendJson(StringBuilder text);
}

/// <summary>
/// An object or array of a JSON document. <paramref name="IsMap"/>: its names are data (labels), not fields; <paramref name="OfStrings"/>:
/// and its values are strings.
/// </summary>
public sealed record JsonValue(JsonElement Element, bool IsMap = false, bool OfStrings = false)
{
    /// <summary>An element as a template's value: scalars become .NET's.</summary>
    public static object? Of(JsonElement element, bool isMap = false, bool ofStrings = false) => element.ValueKind switch
    {
        JsonValueKind.String => element.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => null,
        JsonValueKind.Number => element.TryGetInt64(out long whole) ? whole : element.GetDouble(),
        _ => new JsonValue(element, isMap, ofStrings),
    };
}

/// <summary>What the evaluation of templates needs to know of values.</summary>
internal static class Values
{
    /// <summary>A key that a map doesn't have.</summary>
    public static readonly object Missing = new MissingValue();

    private sealed class MissingValue
    {
        public override string ToString() => "<no value>";
    }

    /// <summary>Go's truth: not zero, not empty, not nil.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null => false,
        bool b => b,
        string s => s.Length > 0,
        long n => n != 0,
        double d => d != 0,
        JsonValue { Element.ValueKind: JsonValueKind.Array } json => json.Element.GetArrayLength() > 0,
        JsonValue { IsMap: true } json => json.Element.EnumerateObject().MoveNext(),
        IReadOnlyList<object?> list => list.Count > 0,
        IReadOnlyDictionary<string, object?> map => map.Count > 0,
        _ => value != Missing,
    };

    /// <summary>Go's <c>%v</c>.</summary>
    public static string Print(object? value)
    {
        StringBuilder text = new();
        Print(text, value);
        return text.ToString();
    }

    private static void Print(StringBuilder text, object? value)
    {
        switch (value)
        {
            case null:
                text.Append("<nil>");
                break;
            case bool b:
                text.Append(b ? "true" : "false");
                break;
            case long n:
                text.Append(n.ToString(CultureInfo.InvariantCulture));
                break;
            case double d:
                text.Append(Float(d));
                break;
            case JsonValue json:
                PrintJson(text, json);
                break;
            case string s:
                text.Append(s);
                break;
            case IReadOnlyList<object?> list:
                text.Append('[');
                for (int i = 0; i < list.Count; i++)
                {
                    if (i > 0)
                        text.Append(' ');
                    Print(text, list[i]);
                }
                text.Append(']');
                break;
            case IReadOnlyDictionary<string, object?> map:
                text.Append("map[");
                bool first = true;
                foreach (string key in SortedKeys(map))
                {
                    text.Append(first ? "" : " ").Append(key).Append(':');
                    Print(text, map[key]);
                    first = false;
                }
                text.Append(']');
                break;
            default:
                text.Append(value);
                break;
        }
    }

    private static void PrintJson(StringBuilder text, JsonValue json)
    {
        if (json.Element.ValueKind == JsonValueKind.Array)
        {
            text.Append('[');
            for (int i = 0; i < json.Element.GetArrayLength(); i++)
            {
                if (i > 0)
                    text.Append(' ');
                Print(text, JsonValue.Of(json.Element[i]));
            }
            text.Append(']');
            return;
        }

        // A Go struct prints its values alone, a map also its keys, sorted.
        text.Append(json.IsMap ? "map[" : "{");
        bool first = true;
        foreach (JsonProperty property in json.IsMap ? Sorted(json.Element) : Unsorted(json.Element))
        {
            if (!first)
                text.Append(' ');
            first = false;
            if (json.IsMap)
                text.Append(property.Name).Append(':');
            Print(text, FieldNames.WrapIn(json, property.Name, property.Value));
        }
        text.Append(json.IsMap ? ']' : '}');
    }

    /// <summary>Members in the order of their names.</summary>
    public static List<JsonProperty> Sorted(JsonElement element)
    {
        List<JsonProperty> properties = Unsorted(element);
        properties.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return properties;
    }

    private static List<JsonProperty> Unsorted(JsonElement element)
    {
        List<JsonProperty> properties = [];
        foreach (JsonProperty property in element.EnumerateObject())
            properties.Add(property);
        return properties;
    }

    /// <summary>Keys in order.</summary>
    public static List<string> SortedKeys(IReadOnlyDictionary<string, object?> map)
    {
        List<string> keys = [.. map.Keys];
        keys.Sort(string.CompareOrdinal);
        return keys;
    }

    /// <summary>A float as Go's <c>%v</c> shows it: shortest digits, an exponent from 1e21 on.</summary>
    public static string Float(double value)
    {
        double magnitude = Math.Abs(value);
        if (magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e21))
        {
            string shortest = value.ToString("R", CultureInfo.InvariantCulture);
            int e = shortest.IndexOf('E');
            if (e < 0)
                return shortest;
            int exponent = int.Parse(shortest.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            return $"{shortest[..e]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }
        return value.ToString(magnitude < 1e15 ? "0.################" : "F0", CultureInfo.InvariantCulture);
    }

    /// <summary>The JSON of a value, on one line.</summary>
    public static void AppendJson(StringBuilder text, object? value, bool html)
    {
        switch (value)
        {
            case JsonValue json:
                GoJson.AppendElement(text, json.Element, html);
                break;
            case ITemplateObject row:
                row.AppendJson(text);
                break;
            case string s:
                GoJson.AppendString(text, s, html);
                break;
            case bool b:
                text.Append(b ? "true" : "false");
                break;
            case long or double:
                text.Append(Print(value));
                break;
            case IReadOnlyList<object?> list:
                text.Append('[');
                for (int i = 0; i < list.Count; i++)
                {
                    text.Append(i > 0 ? "," : "");
                    AppendJson(text, list[i], html);
                }
                text.Append(']');
                break;
            case IReadOnlyDictionary<string, object?> map:
                text.Append('{');
                bool first = true;
                foreach (string key in SortedKeys(map))
                {
                    text.Append(first ? "" : ",");
                    GoJson.AppendString(text, key, html);
                    text.Append(':');
                    AppendJson(text, map[key], html);
                    first = false;
                }
                text.Append('}');
                break;
            default:
                text.Append("null");
                break;
        }
    }
}
