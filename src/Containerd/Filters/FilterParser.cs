using System.Globalization;
using System.Text;
using AotRuntime.Patterns;
using AotRuntime.Rpc;

namespace AotRuntime.Containerd;

/// <summary>
/// Reads one filter:
/// <code>
/// selectors := selector ("," selector)*
/// selector  := fieldpath (operator value)?
/// fieldpath := field ('.' field)*
/// field     := quoted | [A-Za-z] [A-Za-z0-9_]*
/// operator  := "==" | "!=" | "~="
/// value     := quoted | [^\s,]+
/// quoted    := a Go string; after ~= also between two | or two /
/// </code>
/// White space between these is skipped.
/// </summary>
internal ref struct FilterParser(string text)
{
    private readonly string _text = text;
    private int _at;

    public Filter.Selector[] Parse()
    {
        List<Filter.Selector> selectors = [];
        while (true)
        {
            selectors.Add(ReadSelector());
            SkipSpace();
            if (_at == _text.Length)
                return [.. selectors];
            if (_text[_at] != ',')
                throw Error($"unexpected input: {_text[_at]}", _at);
            _at++;
        }
    }

    private Filter.Selector ReadSelector()
    {
        SkipSpace();
        List<string> path = [ReadField()];
        while (_at < _text.Length && _text[_at] == '.')
        {
            _at++;
            path.Add(ReadField());
        }
        SkipSpace();
        if (_at == _text.Length || _text[_at] == ',')
            return new Filter.Selector([.. path], Filter.Operator.Present, "");

        Filter.Operator op = ReadOperator();
        SkipSpace();
        int valueAt = _at;

        string value = ReadValue(alternateQuotes: op == Filter.Operator.Match);
        try
        {
            return new Filter.Selector([.. path], op, value);
        }
        catch (PatternException e)
        {
            throw Error(e.Message, valueAt);
        }
    }

    private Filter.Operator ReadOperator()
    {
        int start = _at;
        while (_at < _text.Length && _text[_at] is '=' or '!' or '~')
            _at++;
        return _text[start.._at] switch
        {
            "==" => Filter.Operator.Equal,
            "!=" => Filter.Operator.NotEqual,
            "~=" => Filter.Operator.Match,
            "" => throw Error("expected an operator (`==`|`!=`|`~=`)", start),
            string other => throw Error($"unsupported operator \"{other}\"", start),
        };
    }

    private void SkipSpace()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
            _at++;
    }

    private string ReadField()
    {
        if (_at < _text.Length && _text[_at] == '"')
            return ReadQuoted();
        int start = _at;
        while (_at < _text.Length && (char.IsAsciiLetter(_text[_at]) || _text[_at] == '_' || (_at > start && char.IsAsciiDigit(_text[_at]))))
            _at++;
        return _at > start ? _text[start.._at] : throw Error("expected field or quoted", start);
    }

    private string ReadValue(bool alternateQuotes)
    {
        if (_at < _text.Length && (_text[_at] == '"' || (alternateQuotes && _text[_at] is '|' or '/')))
            return ReadQuoted();
        int start = _at;
        while (_at < _text.Length && _text[_at] != ',' && !char.IsWhiteSpace(_text[_at]))
            _at++;
        return _at > start ? _text[start.._at] : throw Error("expected value or quoted", start);
    }

    private string ReadQuoted()
    {
        int start = _at;
        char quote = _text[_at++];
        StringBuilder value = new();
        while (true)
        {
            if (_at == _text.Length)
                throw Error("quoted literal not terminated", start);
            char c = _text[_at++];
            if (c == quote)
                return value.ToString();
            if (c != '\\')
            {
                value.Append(c);
                continue;
            }
            if (_at == _text.Length)
                throw Error("quoted literal not terminated", start);
            char escaped = _text[_at++];
            if (escaped == quote)
                value.Append(quote);
            else if (quote != '"')
                value.Append('\\').Append(escaped); // the pattern's own escape
            else
                AppendEscape(value, escaped, start);
        }
    }

    private void AppendEscape(StringBuilder value, char escaped, int start)
    {
        switch (escaped)
        {
            case 'n':
                value.Append('\n');
                break;
            case 't':
                value.Append('\t');
                break;
            case 'r':
                value.Append('\r');
                break;
            case '\\':
                value.Append('\\');
                break;
            case 'x' when Hex(2, out int code):
                value.Append((char)code);
                break;
            case 'u' when Hex(4, out int code):
                value.Append((char)code);
                break;
            default:
                throw Error("illegal escape", start);
        }
    }

    private bool Hex(int digits, out int code)
    {
        code = 0;
        if (_at + digits > _text.Length || !int.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code))
            return false;
        _at += digits;
        return true;
    }

    private readonly RpcException Error(string what, int at) => ContainerdError.InvalidArgument(at < _text.Length
        ? $"filters: parse error: [{_text[..at]} >|{_text[at]}|< {_text[(at + 1)..]}]: {what}"
        : $"filters: parse error: [{_text}]: {what}");
}
