using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AotRuntime.Docker.Templates;

/// <summary>The functions of Go's templates, and docker's own: json, split, join, title, lower, upper, pad, truncate.</summary>
internal static class Functions
{
    private static readonly HashSet<string> s_names = new(StringComparer.Ordinal)
    {
        "json", "split", "join", "title", "lower", "upper", "pad", "truncate", "println", "print", "printf", "len", "index", "slice",
        "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "html", "js", "urlquery", "getDetailsOrder",
    };

    /// <summary>Whether there is a function <paramref name="name"/>.</summary>
    public static bool Exists(string name) => s_names.Contains(name);

    /// <summary>Calls <paramref name="name"/>. While printing a table's header, docker's own functions give back what they got.</summary>
    public static object? Call(string name, List<object?> args, bool header)
    {
        switch (name)
        {
            case "json":
                Need(name, args, 1, 1);
                if (header)
                    return args[0];
                StringBuilder json = new();
                Values.AppendJson(json, args[0], html: false);
                return json.ToString();
            case "split":
                Need(name, args, 2, 2);
                return header ? args[0] : new List<object?>(Str(args[0]).Split(Str(args[1])));
            case "join":
                Need(name, args, 2, 2);
                return header ? args[0] : Join(args[0], Str(args[1]));
            case "title":
                Need(name, args, 1, 1);
                return header ? args[0] : Title(Str(args[0]));
            case "lower":
                Need(name, args, 1, 1);
                return header ? args[0] : Str(args[0]).ToLowerInvariant();
            case "upper":
                Need(name, args, 1, 1);
                return header ? args[0] : Str(args[0]).ToUpperInvariant();
            case "pad":
                Need(name, args, 3, 3);
                string padded = Str(args[0]);
                return header || padded.Length == 0 ? padded : new string(' ', (int)Int(args[1])) + padded + new string(' ', (int)Int(args[2]));
            case "truncate":
                Need(name, args, 2, 2);
                string whole = Str(args[0]);
                int most = (int)Int(args[1]);
                return header || whole.Length <= most ? whole : whole[..Math.Max(0, most)];
            case "print":
                return PrintAll(args);
            case "println":
                return string.Join(' ', args.ConvertAll(Values.Print)) + "\n";
            case "printf":
                Need(name, args, 1, int.MaxValue);
                return GoFormat.Format(Str(args[0]), args.GetRange(1, args.Count - 1));
            case "len":
                Need(name, args, 1, 1);
                return Length(args[0]);
            case "index":
                Need(name, args, 1, int.MaxValue);
                object? at = args[0];
                for (int i = 1; i < args.Count; i++)
                    at = Index(at, args[i]);
                return at;
            case "slice":
                return Slice(args);
            case "not":
                Need(name, args, 1, 1);
                return !Values.IsTrue(args[0]);
            case "eq" or "ne" or "lt" or "le" or "gt" or "ge":
                return Comparison.Call(name, args);
            case "html":
                return System.Net.WebUtility.HtmlEncode(PrintAll(args));
            case "js" or "urlquery":
                return name == "urlquery" ? Uri.EscapeDataString(PrintAll(args)).Replace("%20", "+") : JavaScript(PrintAll(args));
            case "getDetailsOrder":
                Need(name, args, 1, 1);
                return DetailNames(args[0]);
            default:
                throw new TemplateException($"function {GoText.Quote(name)} not defined");
        }
    }

    private static void Need(string name, List<object?> args, int least, int most)
    {
        if (args.Count >= least && args.Count <= most)
            return;
        string want = least == most ? least.ToString(CultureInfo.InvariantCulture) : $"at least {least}";
        throw new TemplateException($"wrong number of args for {name}: want {want} got {args.Count}");
    }

    private static string Str(object? value) => value as string ?? throw new TemplateException($"wrong type for value; expected string; got {TypeName(value)}");

    private static long Int(object? value) => value is long n ? n : throw new TemplateException($"wrong type for value; expected int; got {TypeName(value)}");

    private static string TypeName(object? value) => value switch
    {
        null => "nil",
        string => "string",
        bool => "bool",
        long => "int",
        double => "float64",
        JsonValue { Element.ValueKind: JsonValueKind.Array } or IReadOnlyList<object?> => "[]interface {}",
        ITemplateObject row => row.GoType,
        _ => "map[string]interface {}",
    };

    private static string Join(object? list, string separator)
    {
        List<string> parts = [];
        foreach (object? item in Elements(list) ?? throw new TemplateException($"wrong type for value; expected []string; got {TypeName(list)}"))
            parts.Add(Values.Print(item));
        return string.Join(separator, parts);
    }

    private static string Title(string text)
    {
        StringBuilder title = new(text.Length);
        bool start = true;
        foreach (char c in text)
        {
            title.Append(start ? char.ToUpperInvariant(c) : c);
            start = !(char.IsLetterOrDigit(c) || c is '_' or '\'');
        }
        return title.ToString();
    }

    // Operands are set apart by a blank where neither is a string.
    private static string PrintAll(List<object?> args)
    {
        StringBuilder text = new();
        for (int i = 0; i < args.Count; i++)
        {
            if (i > 0 && args[i] is not string && args[i - 1] is not string)
                text.Append(' ');
            text.Append(Values.Print(args[i]));
        }
        return text.ToString();
    }

    /// <summary>The items of a list; null where the value isn't one.</summary>
    public static IReadOnlyList<object?>? Elements(object? value)
    {
        switch (value)
        {
            case IReadOnlyList<object?> list:
                return list;
            case JsonValue { Element.ValueKind: JsonValueKind.Array } json:
                List<object?> items = new(json.Element.GetArrayLength());
                foreach (JsonElement item in json.Element.EnumerateArray())
                    items.Add(JsonValue.Of(item));
                return items;
            default:
                return null;
        }
    }

    private static object Length(object? value)
    {
        if (value is string text)
            return (long)Encoding.UTF8.GetByteCount(text);
        if (Elements(value) is { } list)
            return (long)list.Count;
        if (value is IReadOnlyDictionary<string, object?> map)
            return (long)map.Count;
        if (value is JsonValue { Element.ValueKind: JsonValueKind.Object } json)
        {
            long count = 0;
            foreach (JsonProperty _ in json.Element.EnumerateObject())
                count++;
            return count;
        }
        throw new TemplateException(value is null ? "error calling len: len of nil pointer" : $"error calling len: len of type {TypeName(value)}");
    }

    private static object? Index(object? container, object? key)
    {
        if (Elements(container) is { } list)
        {
            if (key is not long at)
                throw new TemplateException($"error calling index: cannot index slice/array with type {TypeName(key)}");
            return at >= 0 && at < list.Count
                ? list[(int)at]
                : throw new TemplateException($"error calling index: index out of range: {at}");
        }
        switch (container)
        {
            case null:
                throw new TemplateException("error calling index: index of untyped nil");
            case string text when key is long at:
                byte[] bytes = Encoding.UTF8.GetBytes(text);
                return at >= 0 && at < bytes.Length
                    ? (long)bytes[at]
                    : throw new TemplateException($"error calling index: index out of range: {at}");
            case IReadOnlyDictionary<string, object?> map:
                return map.TryGetValue(Str(key), out object? value) ? value : "";
            case JsonValue json:
                if (json.Element.TryGetProperty(Str(key), out JsonElement found))
                    return FieldNames.WrapIn(json, Str(key), found);
                // The zero value of the map's type: most of docker's maps hold strings, those of ports and networks don't.
                return json.OfStrings || SampleIsString(json.Element) ? "" : null;
            default:
                throw new TemplateException($"error calling index: can't index item of type {TypeName(container)}");
        }
    }

    private static bool SampleIsString(JsonElement map)
    {
        foreach (JsonProperty property in map.EnumerateObject())
            return property.Value.ValueKind == JsonValueKind.String;
        return false;
    }

    private static object? Slice(List<object?> args)
    {
        Need("slice", args, 1, 3);
        int Bound(int at, int otherwise, int length)
        {
            if (args.Count <= at)
                return otherwise;
            long bound = Int(args[at]);
            return bound >= 0 && bound <= length ? (int)bound : throw new TemplateException($"error calling slice: index out of range: {bound}");
        }
        if (args[0] is string text)
        {
            int from = Bound(1, 0, text.Length);
            int to = Bound(2, text.Length, text.Length);
            return from <= to ? text[from..to] : throw new TemplateException($"error calling slice: invalid slice index: {from} > {to}");
        }
        IReadOnlyList<object?> list = Elements(args[0]) ?? throw new TemplateException($"error calling slice: can't slice item of type {TypeName(args[0])}");
        int start = Bound(1, 0, list.Count);
        int end = Bound(2, list.Count, list.Count);
        List<object?> part = [];
        for (int i = start; i < end; i++)
            part.Add(list[i]);
        return part;
    }

    private static string JavaScript(string text)
    {
        StringBuilder escaped = new(text.Length);
        foreach (char c in text)
        {
            if (c is '\\' or '\'' or '"')
                escaped.Append('\\').Append(c);
            else if (c is '<' or '>' or '&' or '=' or < ' ')
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            else
                escaped.Append(c);
        }
        return escaped.ToString();
    }

    private static List<object?> DetailNames(object? component)
    {
        List<object?> names = [];
        if (component is JsonValue json && json.Element.TryGetProperty("Details", out JsonElement details) && details.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty detail in Values.Sorted(details))
                names.Add(detail.Name);
        }
        return names;
    }
}
