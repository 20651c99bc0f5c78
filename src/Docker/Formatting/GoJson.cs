using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AotRuntime.Docker.Formatting;

/// <summary>JSON text as Go writes it.</summary>
public static class GoJson
{
    private const int IndentWidth = 4;

    /// <summary>A string literal; with <paramref name="html"/> also &lt;, &gt; and &amp; are escaped, as Go does unless told otherwise.</summary>
    public static void AppendString(StringBuilder text, ReadOnlySpan<char> value, bool html)
    {
        text.Append('"');
        foreach (char c in value)
        {
            switch (c)
            {
                case '"' or '\\':
                    text.Append('\\').Append(c);
                    break;
                case '\n':
                    text.Append("\\n");
                    break;
                case '\r':
                    text.Append("\\r");
                    break;
                case '\t':
                    text.Append("\\t");
                    break;
                case '\b':
                    text.Append("\\b");
                    break;
                case '\f':
                    text.Append("\\f");
                    break;
                case '<' or '>' or '&' when html:
                case < ' ' or '\u2028' or '\u2029':
                    text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                    break;
                default:
                    text.Append(c);
                    break;
            }
        }
        text.Append('"');
    }

    /// <summary>An element on one line, members in the order that they have.</summary>
    public static void AppendElement(StringBuilder text, JsonElement element, bool html)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                text.Append('{');
                bool first = true;
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    if (!first)
                        text.Append(',');
                    first = false;
                    AppendString(text, property.Name, html);
                    text.Append(':');
                    AppendElement(text, property.Value, html);
                }
                text.Append('}');
                break;
            case JsonValueKind.Array:
                text.Append('[');
                for (int i = 0; i < element.GetArrayLength(); i++)
                {
                    if (i > 0)
                        text.Append(',');
                    AppendElement(text, element[i], html);
                }
                text.Append(']');
                break;
            case JsonValueKind.String:
                AppendString(text, element.GetString(), html);
                break;
            default:
                text.Append(element.GetRawText());
                break;
        }
    }

    /// <summary>
    /// Puts white space into JSON without touching a byte of its values: what docker inspect shows is the daemon's document,
    /// numbers and escapes as they came.
    /// </summary>
    public static void Indent(StringBuilder text, string json)
    {
        int depth = 0;
        bool opened = false;
        for (int i = 0; i < json.Length; i++)
        {
            char c = json[i];
            if (c is ' ' or '\t' or '\r' or '\n')
                continue;
            if (opened && c is not ('}' or ']'))
                NewLine(text, ++depth);
            switch (c)
            {
                case '"':
                    int end = StringEnd(json, i);
                    text.Append(json, i, end - i);
                    i = end - 1;
                    break;
                case '}' or ']':
                    if (!opened)
                        NewLine(text, --depth);
                    text.Append(c);
                    break;
                case ',':
                    text.Append(c);
                    NewLine(text, depth);
                    break;
                case ':':
                    text.Append(": ");
                    break;
                default:
                    text.Append(c);
                    break;
            }
            opened = c is '{' or '[';
        }
    }

    /// <summary>Takes the white space out.</summary>
    public static void Compact(StringBuilder text, string json)
    {
        for (int i = 0; i < json.Length; i++)
        {
            char c = json[i];
            if (c == '"')
            {
                int end = StringEnd(json, i);
                text.Append(json, i, end - i);
                i = end - 1;
            }
            else if (c is not (' ' or '\t' or '\r' or '\n'))
            {
                text.Append(c);
            }
        }
    }

    private static int StringEnd(string json, int start)
    {
        int i = start + 1;
        while (i < json.Length && json[i] != '"')
            i += json[i] == '\\' ? 2 : 1;
        return Math.Min(i + 1, json.Length);
    }

    private static void NewLine(StringBuilder text, int depth) => text.Append('\n').Append(' ', depth * IndentWidth);
}
