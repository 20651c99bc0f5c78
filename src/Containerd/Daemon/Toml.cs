using System.Globalization;
using System.Text;

namespace AotRuntime.Containerd;

/// <summary>A configuration file that cannot be read, and where.</summary>
internal sealed class TomlException(int line, string what) : FormatException($"({line}): {what}");

/// <summary>
/// Reads the part of TOML (toml.io, v1.0) that configuration files of containerd use: tables and arrays of tables, dotted and quoted
/// keys, strings of all four kinds, numbers, booleans, arrays, inline tables, dates as text. A table is a dictionary; an array is a list.
/// </summary>
internal sealed class Toml
{
    private const int MaxDepth = 32;
    private readonly string _text;
    private int _at;
    private int _line = 1;

    private Toml(string text) => _text = text;

    /// <summary>Reads a whole document.</summary>
    public static Dictionary<string, object> Parse(string text)
    {
        Dictionary<string, object> root = [];
        new Toml(text).ReadDocument(root);
        return root;
    }

    private char Current => _at < _text.Length ? _text[_at] : '\0';

    private void ReadDocument(Dictionary<string, object> root)
    {
        Dictionary<string, object> table = root;
        while (true)
        {
            SkipBlank(newlines: true);
            if (_at == _text.Length)
                return;
            if (Current == '[')
                table = ReadHeader(root);
            else
                ReadPair(table, 0);
            SkipBlank(newlines: false);
            if (_at < _text.Length && Current != '\n')
                throw Error("expected the end of the line");
        }
    }

    private Dictionary<string, object> ReadHeader(Dictionary<string, object> root)
    {
        _at++;
        bool array = Current == '[';
        if (array)
            _at++;
        List<string> path = ReadKey();
        Expect(']');
        if (array)
            Expect(']');

        Dictionary<string, object> table = Walk(root, path, array ? path.Count - 1 : path.Count);
        if (!array)
            return table;
        if (!table.TryGetValue(path[^1], out object? value))
            table[path[^1]] = value = new List<object>();
        if (value is not List<object> list)
            throw Error($"key {path[^1]} is no array of tables");
        Dictionary<string, object> element = [];
        list.Add(element);
        return element;
    }

    private void ReadPair(Dictionary<string, object> table, int depth)
    {
        List<string> path = ReadKey();
        Expect('=');
        SkipBlank(newlines: false);
        Dictionary<string, object> owner = Walk(table, path, path.Count - 1);
        object value = ReadValue(depth);
        if (!owner.TryAdd(path[^1], value))
            throw Error($"key {path[^1]} is defined twice");
    }

    private Dictionary<string, object> Walk(Dictionary<string, object> table, List<string> path, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (!table.TryGetValue(path[i], out object? next))
                table[path[i]] = next = new Dictionary<string, object>();
            table = next switch
            {
                Dictionary<string, object> inner => inner,
                List<object> { Count: > 0 } list when list[^1] is Dictionary<string, object> last => last,
                _ => throw Error($"key {path[i]} is no table"),
            };
        }
        return table;
    }

    private List<string> ReadKey()
    {
        List<string> path = [];
        do
        {
            if (path.Count > 0)
                _at++;
            if (path.Count == MaxDepth)
                throw Error("key has too many parts");
            SkipBlank(newlines: false);
            path.Add(Current is '"' or '\'' ? ReadString() : ReadBareKey());
            SkipBlank(newlines: false);
        }
        while (Current == '.');
        return path;
    }

    private string ReadBareKey()
    {
        int start = _at;
        while (char.IsAsciiLetterOrDigit(Current) || Current is '_' or '-')
            _at++;
        return _at > start ? _text[start.._at] : throw Error("expected a key");
    }

    private object ReadValue(int depth)
    {
        if (depth > MaxDepth)
            throw Error("values are nested too deeply");
        switch (Current)
        {
            case '"' or '\'':
                return ReadString();
            case '[':
                return ReadArray(depth);
            case '{':
                return ReadInlineTable(depth);
        }
        int start = _at;
        while (_at < _text.Length && Current is not (',' or ']' or '}' or '#' or '\n' or '\r'))
            _at++;
        string word = _text[start.._at].Trim();
        if (word is "true" or "false")
            return word == "true";
        string digits = word.Replace("_", "", StringComparison.Ordinal);
        if (TryInteger(digits, out long integer))
            return integer;
        if (double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out double real))
            return real;
        if (word.AsSpan().ContainsAny('-', ':') && !word.AsSpan().ContainsAnyExcept("0123456789-:.+TtZz "))
            return word; // a date or a time
        throw Error("expected a value");
    }

    private static bool TryInteger(string digits, out long value)
    {
        value = 0;
        try
        {
            value = digits switch
            {
                ['0', 'x', ..] => Convert.ToInt64(digits[2..], 16),
                ['0', 'o', ..] => Convert.ToInt64(digits[2..], 8),
                ['0', 'b', ..] => Convert.ToInt64(digits[2..], 2),
                _ => long.Parse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture),
            };
            return true;
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            return false;
        }
    }

    private List<object> ReadArray(int depth)
    {
        _at++;
        List<object> values = [];
        while (true)
        {
            SkipBlank(newlines: true);
            if (Current == ']')
            {
                _at++;
                return values;
            }
            values.Add(ReadValue(depth + 1));
            SkipBlank(newlines: true);
            if (Current == ',')
                _at++;
            else if (Current != ']')
                throw Error("expected a comma or the array's end");
        }
    }

    private Dictionary<string, object> ReadInlineTable(int depth)
    {
        _at++;
        Dictionary<string, object> table = [];
        SkipBlank(newlines: false);
        while (Current != '}')
        {
            ReadPair(table, depth + 1);
            SkipBlank(newlines: false);
            if (Current == ',')
                _at++;
            else if (Current != '}')
                throw Error("expected a comma or the table's end");
            SkipBlank(newlines: false);
        }
        _at++;
        return table;
    }

    private string ReadString()
    {
        char quote = Current;
        bool basic = quote == '"';
        bool multiline = _text.AsSpan(_at).StartsWith(basic ? "\"\"\"" : "'''", StringComparison.Ordinal);
        _at += multiline ? 3 : 1;
        if (multiline && Current == '\r')
            _at++;
        if (multiline && Current == '\n')
            Newline();
        StringBuilder value = new();
        while (true)
        {
            if (_at == _text.Length || (!multiline && Current == '\n'))
                throw Error("string does not end");
            char c = Current;
            if (c == quote && (!multiline || _text.AsSpan(_at).StartsWith(basic ? "\"\"\"" : "'''", StringComparison.Ordinal)))
            {
                _at += multiline ? 3 : 1;
                // Up to two quotes may stand right before the end.
                while (multiline && Current == quote)
                {
                    value.Append(quote);
                    _at++;
                }
                return value.ToString();
            }
            if (c == '\n')
                _line++;
            _at++;
            if (c == '\\' && basic)
                ReadEscape(value, multiline);
            else
                value.Append(c);
        }
    }

    private void ReadEscape(StringBuilder value, bool multiline)
    {
        char c = Current;
        _at++;
        switch (c)
        {
            case 'b':
                value.Append('\b');
                break;
            case 't':
                value.Append('\t');
                break;
            case 'n':
                value.Append('\n');
                break;
            case 'f':
                value.Append('\f');
                break;
            case 'r':
                value.Append('\r');
                break;
            case '"' or '\\':
                value.Append(c);
                break;
            case 'u' or 'U':
                int digits = c == 'u' ? 4 : 8;
                if (_at + digits > _text.Length
                    || !int.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
                    || !Rune.IsValid(code))
                {
                    throw Error("invalid escape");
                }
                _at += digits;
                value.Append(new Rune(code).ToString());
                break;
            case '\n' or '\r' or ' ' or '\t' when multiline:
                _at--;
                SkipWhite();
                break;
            default:
                throw Error("invalid escape");
        }
    }

    private void SkipWhite()
    {
        while (Current is ' ' or '\t' or '\r' or '\n')
        {
            if (Current == '\n')
                Newline();
            else
                _at++;
        }
    }

    private void SkipBlank(bool newlines)
    {
        while (_at < _text.Length)
        {
            if (Current is ' ' or '\t' or '\r')
                _at++;
            else if (Current == '\n' && newlines)
                Newline();
            else if (Current == '#')
                _at = _text.IndexOf('\n', _at) is >= 0 and int end ? end : _text.Length;
            else
                return;
        }
    }

    private void Newline()
    {
        _line++;
        _at++;
    }

    private void Expect(char c)
    {
        SkipBlank(newlines: false);
        if (Current != c)
            throw Error($"expected '{c}'");
        _at++;
    }

    private TomlException Error(string what) => new(_line, what);
}
