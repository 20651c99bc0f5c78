using System.Globalization;
using System.Text;

namespace AotRuntime.Docker.Templates;

/// <summary>Parses Go's text/template syntax: text with actions between <c>{{</c> and <c>}}</c>.</summary>
internal sealed class Parser
{
    /// <summary>How deep blocks and parentheses may nest: beyond it parsing, or running, would overflow the stack.</summary>
    private const int MaxDepth = 500;

    private readonly string _source;
    private readonly string _name;
    private readonly HashSet<string> _variables = ["$"];
    private int _at;
    private int _loops;
    private int _depth;

    private Parser(string source, string name) => (_source, _name) = (source, name);

    /// <summary>Parses <paramref name="source"/>.</summary>
    public static List<Node> Parse(string source, string name)
    {
        Parser parser = new(source, name);
        List<Node> nodes = parser.ParseList(out string? end);
        return end is null ? nodes : throw parser.Error($"unexpected {{{{{end}}}}}");
    }

    // Up to the end or to an action that closes or divides the block: that action's keyword.
    private List<Node> ParseList(out string? end)
    {
        List<Node> nodes = [];
        while (true)
        {
            int open = _source.IndexOf("{{", _at, StringComparison.Ordinal);
            string text = open < 0 ? _source[_at..] : _source[_at..open];
            bool trimBefore = open >= 0 && open + 3 < _source.Length && _source[open + 2] == '-' && IsSpace(_source[open + 3]);
            if (trimBefore)
                text = text.TrimEnd(' ', '\t', '\r', '\n');
            if (text.Length > 0)
                nodes.Add(new TextNode(text));
            if (open < 0)
            {
                _at = _source.Length;
                end = null;
                return nodes;
            }
            _at = open + (trimBefore ? 3 : 2);
            SkipSpace();
            if (_source.AsSpan(_at).StartsWith("/*"))
            {
                int close = _source.IndexOf("*/", _at, StringComparison.Ordinal);
                if (close < 0)
                    throw Error("unclosed comment");
                _at = close + 2;
                CloseAction();
                continue;
            }

            string? word = PeekWord();
            switch (word)
            {
                case "end" or "else":
                    _at += word.Length;
                    if (word == "end")
                        CloseAction();
                    end = word;
                    return nodes;
                case "if" or "with" or "range":
                    _at += word.Length;
                    nodes.Add(ParseBranch(word));
                    break;
                case "break" or "continue":
                    if (_loops == 0)
                        throw Error($"{{{{{word}}}}} outside {{{{range}}}}");
                    _at += word.Length;
                    CloseAction();
                    nodes.Add(new LoopExitNode(word == "break"));
                    break;
                case "define" or "template" or "block":
                    throw Error($"{{{{{word}}}}} is not supported");
                default:
                    nodes.Add(new ActionNode(ParsePipeline(inParentheses: false)));
                    CloseAction();
                    break;
            }
        }
    }

    private BranchNode ParseBranch(string keyword)
    {
        Descend();
        BranchKind kind = keyword switch { "if" => BranchKind.If, "with" => BranchKind.With, _ => BranchKind.Range };
        Pipeline pipeline = ParsePipeline(inParentheses: false, allowTwo: kind == BranchKind.Range);
        CloseAction();
        _loops += kind == BranchKind.Range ? 1 : 0;
        List<Node> body = ParseList(out string? end);
        _loops -= kind == BranchKind.Range ? 1 : 0;
        List<Node> otherwise = [];
        if (end == "else")
        {
            SkipSpace();
            string? word = PeekWord();
            if (word is "if" or "with")
            {
                // {{else if}} is an if within the else that shares its end.
                _at += word.Length;
                otherwise = [ParseBranch(word)];
                _depth--;
                return new BranchNode(kind, pipeline, body, otherwise);
            }
            CloseAction();
            otherwise = ParseList(out end);
        }
        _depth--;
        return end == "end" ? new BranchNode(kind, pipeline, body, otherwise) : throw Error("unexpected EOF");
    }

    private void Descend()
    {
        if (++_depth > MaxDepth)
            throw Error($"too deeply nested (max {MaxDepth})");
    }

    private Pipeline ParsePipeline(bool inParentheses, bool allowTwo = false)
    {
        Descend();
        List<string> variables = [];
        bool declares = false;
        int start = _at;
        SkipSpace();
        if (_at < _source.Length && _source[_at] == '$')
        {
            variables = TryParseTargets(allowTwo, out declares);
            if (variables.Count == 0)
                _at = start;
        }

        List<List<Operand>> commands = [];
        while (true)
        {
            List<Operand> command = ParseCommand();
            if (command.Count == 0)
                throw Error(commands.Count == 0 ? MissingValue() : "missing value for command");
            commands.Add(command);
            SkipSpace();
            if (_at < _source.Length && _source[_at] == '|')
            {
                _at++;
                continue;
            }
            break;
        }
        if (inParentheses)
        {
            if (_at >= _source.Length || _source[_at] != ')')
                throw Error("unclosed left paren");
            _at++;
        }
        foreach (string variable in variables)
            _variables.Add(variable);
        _depth--;
        return new Pipeline(variables, declares, commands);
    }

    private string MissingValue() => _at >= _source.Length ? "unclosed action" : "missing value for command";

    private List<string> TryParseTargets(bool allowTwo, out bool declares)
    {
        List<string> names = [];
        declares = false;
        while (true)
        {
            SkipSpace();
            if (_at >= _source.Length || _source[_at] != '$')
                return [];
            names.Add(ReadVariable());
            SkipSpace();
            if (_at < _source.Length && _source[_at] == ',' && allowTwo && names.Count < 2)
            {
                _at++;
                continue;
            }
            if (_source.AsSpan(_at).StartsWith(":="))
            {
                _at += 2;
                declares = true;
                return names;
            }
            if (_at < _source.Length && _source[_at] == '=')
            {
                _at++;
                foreach (string name in names)
                {
                    if (!_variables.Contains(name))
                        throw Error($"undefined variable {GoText.Quote(name)}");
                }
                return names;
            }
            return [];
        }
    }

    private List<Operand> ParseCommand()
    {
        List<Operand> operands = [];
        while (true)
        {
            SkipSpace();
            if (_at >= _source.Length)
                throw Error("unclosed action");
            char c = _source[_at];
            if (c is '|' or ')' || AtClose())
                return operands;
            operands.Add(ParseOperand(c));
            if (_at < _source.Length && !IsSpace(_source[_at]) && _source[_at] is not ('|' or ')') && !AtClose())
                throw Error($"unexpected {GoText.Quote(_source[_at].ToString())} in operand");
        }
    }

    private Operand ParseOperand(char c)
    {
        int start = _at;
        if (c == '.' && !(_at + 1 < _source.Length && char.IsAsciiDigit(_source[_at + 1])))
        {
            string[] fields = ReadFields();
            if (fields.Length == 0)
                _at++;
            return new DotOperand(fields, fields.Length > 1 ? start + 1 + fields[0].Length : start, _source[start.._at]);
        }
        if (c == '$')
        {
            string name = ReadVariable();
            if (!_variables.Contains(name))
                throw Error($"undefined variable {GoText.Quote(name)}");
            string[] fields = ReadFields();
            return new VariableOperand(name, fields, fields.Length > 0 ? start + name.Length : start, _source[start.._at]);
        }
        if (c == '(')
        {
            _at++;
            Pipeline inner = ParsePipeline(inParentheses: true);
            string[] fields = ReadFields();
            return new ParenthesizedOperand(inner, fields, start, _source[start.._at]);
        }
        if (c is '"' or '`' or '\'')
            return ParseQuoted(c, start);
        if (char.IsAsciiDigit(c) || c is '-' or '+' or '.')
            return ParseNumber(start);

        string? word = PeekWord() ?? throw Error($"unexpected {GoText.Quote(c.ToString())} in command");
        _at += word.Length;
        switch (word)
        {
            case "true" or "false":
                return new ConstantOperand(word == "true", start, word);
            case "nil":
                return new ConstantOperand(null, start, word);
            default:
                if (!Functions.Exists(word))
                    throw Error($"function {GoText.Quote(word)} not defined");
                return new FunctionOperand(word, start, word);
        }
    }

    private ConstantOperand ParseQuoted(char quote, int start)
    {
        _at++;
        StringBuilder text = new();
        while (true)
        {
            if (_at >= _source.Length || (_source[_at] == '\n' && quote != '`'))
                throw Error(quote == '`' ? "unterminated raw quoted string" : quote == '"' ? "unterminated quoted string" : "unterminated character constant");
            char c = _source[_at++];
            if (c == quote)
                break;
            if (c == '\\' && quote != '`' && _at < _source.Length)
                AppendEscape(text);
            else
                text.Append(c);
        }
        string value = text.ToString();
        if (quote != '\'')
            return new ConstantOperand(value, start, _source[start.._at]);
        if (value.Length == 0)
            throw Error("invalid syntax");
        return Rune.TryGetRuneAt(value, 0, out Rune rune) && rune.Utf16SequenceLength == value.Length
            ? new ConstantOperand((long)rune.Value, start, _source[start.._at])
            : throw Error($"malformed character constant: {_source[start.._at]}");
    }

    private void AppendEscape(StringBuilder text)
    {
        char escape = _source[_at++];
        int digits = escape switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            if (_at + digits > _source.Length
                || !int.TryParse(_source.AsSpan(_at, digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int value)
                || !Rune.IsValid(value))
            {
                throw Error("invalid syntax");
            }
            _at += digits;
            text.Append(new Rune(value).ToString());
            return;
        }
        text.Append(escape switch
        {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\a',
            'b' => '\b',
            'f' => '\f',
            'v' => '\v',
            '\\' or '"' or '\'' => escape,
            _ => throw Error("invalid syntax"),
        });
    }

    private ConstantOperand ParseNumber(int start)
    {
        _at++;
        while (_at < _source.Length && (char.IsAsciiLetterOrDigit(_source[_at]) || _source[_at] is '.' or '_' || (_source[_at] is '+' or '-' && _source[_at - 1] is 'e' or 'E')))
            _at++;
        string text = _source[start.._at];
        try
        {
            return new ConstantOperand(CommandLine.FlagValues.Int(text.Replace("_", "")), start, text);
        }
        catch (CommandLine.FlagValueException)
        {
            // Not an integer: a float, or nothing that Go knows either.
            return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
                ? new ConstantOperand(value, start, text)
                : throw Error($"bad number syntax: {GoText.Quote(text)}");
        }
    }

    private string[] ReadFields()
    {
        List<string> fields = [];
        while (_at + 1 < _source.Length && _source[_at] == '.' && IsWordStart(_source[_at + 1]))
        {
            int start = ++_at;
            while (_at < _source.Length && IsWord(_source[_at]))
                _at++;
            fields.Add(_source[start.._at]);
        }
        return fields.ToArray();
    }

    private string ReadVariable()
    {
        int start = _at++;
        while (_at < _source.Length && IsWord(_source[_at]))
            _at++;
        return _source[start.._at];
    }

    private string? PeekWord()
    {
        int end = _at;
        while (end < _source.Length && IsWord(_source[end]))
            end++;
        return end > _at && IsWordStart(_source[_at]) ? _source[_at..end] : null;
    }

    private bool AtClose() =>
        _source.AsSpan(_at).StartsWith("}}") || (_source.AsSpan(_at).StartsWith("-}}") && _at > 0 && IsSpace(_source[_at - 1]));

    private void CloseAction()
    {
        SkipSpace();
        bool trimAfter = _source.AsSpan(_at).StartsWith("-}}");
        if (trimAfter)
            _at++;
        if (!_source.AsSpan(_at).StartsWith("}}"))
            throw Error(_at >= _source.Length ? "unclosed action" : $"unexpected {GoText.Quote(_source[_at].ToString())} in command");
        _at += 2;
        while (trimAfter && _at < _source.Length && IsSpace(_source[_at]))
            _at++;
    }

    private void SkipSpace()
    {
        while (_at < _source.Length && IsSpace(_source[_at]))
            _at++;
    }

    private static bool IsSpace(char c) => c is ' ' or '\t' or '\r' or '\n';

    private static bool IsWordStart(char c) => c == '_' || char.IsLetter(c);

    private static bool IsWord(char c) => c == '_' || char.IsLetterOrDigit(c);

    private TemplateException Error(string message) =>
        new(string.Create(CultureInfo.InvariantCulture, $"template: {_name}:{1 + _source.AsSpan(0, Math.Min(_at, _source.Length)).Count('\n')}: {message}"));
}
