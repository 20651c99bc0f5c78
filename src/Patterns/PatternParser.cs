using System.Globalization;
using System.Text;

namespace AotRuntime.Patterns;

/// <summary>
/// Reads the syntax of https://github.com/google/re2/wiki/Syntax as far as names and labels can ask for it: everything but Unicode classes
/// (<c>\p{Greek}</c>) and <c>\C</c>. Which of several matches is the preferred one does not matter here, so lazy quantifiers read as greedy ones.
/// </summary>
internal sealed class PatternParser(string text)
{
    /// <summary>Go's limit for the counts in <c>{n,m}</c>.</summary>
    private const int MaxRepeat = 1000;

    /// <summary>Go's limit for groups within groups.</summary>
    private const int MaxDepth = 1000;

    private int _at;
    private int _depth;
    private Flags _flags;

    private record struct Flags(bool Fold, bool Lines, bool DotAll);

    private bool More => _at < text.Length;

    public PatternNode Parse()
    {
        PatternNode node = Alternatives();
        return More ? throw new PatternException("unexpected )", text) : node;
    }

    private PatternNode Alternatives()
    {
        List<PatternNode> either = [Sequence()];
        while (More && text[_at] == '|')
        {
            _at++;
            either.Add(Sequence());
        }
        return either.Count == 1 ? either[0] : new PatternNode.Either(either);
    }

    private PatternNode.Sequence Sequence()
    {
        List<PatternNode> parts = [];
        while (More && text[_at] is not ('|' or ')'))
        {
            if (text.AsSpan(_at).StartsWith(@"\Q", StringComparison.Ordinal))
            {
                Quoted(parts);
                continue;
            }
            if (Atom() is not { } atom)
                continue;
            parts.Add(Quantified(atom));
        }
        return new PatternNode.Sequence(parts);
    }

    /// <summary><c>\Q…\E</c>: as it stands; without the end, up to the pattern's.</summary>
    private void Quoted(List<PatternNode> parts)
    {
        int end = text.IndexOf(@"\E", _at, StringComparison.Ordinal);
        int count = parts.Count;
        foreach (Rune rune in text[(_at + 2)..(end < 0 ? text.Length : end)].EnumerateRunes())
            parts.Add(Literal(rune.Value));
        _at = end < 0 ? text.Length : end + 2;
        if (parts.Count > count)
            parts[^1] = Quantified(parts[^1]);
    }

    private PatternNode.One Literal(int value) => new(new RuneSet(false, _flags.Fold).Add(value, value));

    /// <summary>One unit that a quantifier may follow; null for what only sets flags.</summary>
    private PatternNode? Atom()
    {
        int begin = _at;
        int value = NextRune();
        switch (value)
        {
            case '(':
                return Group(begin);
            case '[':
                return new PatternNode.One(Class(begin));
            case '.':
                return new PatternNode.One(_flags.DotAll ? new RuneSet(true, false) : new RuneSet(true, false).Add('\n', '\n'));
            case '^':
                return new PatternNode.Place(_flags.Lines ? Assertion.LineBegin : Assertion.TextBegin);
            case '$':
                return new PatternNode.Place(_flags.Lines ? Assertion.LineEnd : Assertion.TextEnd);
            case '*' or '+' or '?':
                throw new PatternException("missing argument to repetition operator", text[begin.._at]);
            case '\\':
                return Escape(begin);
            default:
                return Literal(value);
        }
    }

    private PatternNode Escape(int begin)
    {
        if (!More)
            throw new PatternException("trailing backslash at end of expression", "");
        switch (text[_at])
        {
            case 'A':
                _at++;
                return new PatternNode.Place(Assertion.TextBegin);
            case 'z':
                _at++;
                return new PatternNode.Place(Assertion.TextEnd);
            case 'b':
                _at++;
                return new PatternNode.Place(Assertion.WordBoundary);
            case 'B':
                _at++;
                return new PatternNode.Place(Assertion.NoWordBoundary);
        }
        return PerlClass() is { } set ? new PatternNode.One(set) : Literal(EscapedRune(begin));
    }

    private PatternNode? Group(int begin)
    {
        if (++_depth > MaxDepth)
            throw new PatternException("expression nests too deeply", text);
        Flags outer = _flags;
        if (More && text[_at] == '?' && !GroupHead(begin))
        {
            // (?flags) holds to the end of the group that it stands in.
            _depth--;
            return null;
        }
        PatternNode inner = Alternatives();
        if (!More)
            throw new PatternException("missing closing )", text);
        _at++;
        _depth--;
        _flags = outer;
        return inner;
    }

    /// <summary>After <c>(</c>: a name or flags; false when it was flags alone.</summary>
    private bool GroupHead(int begin)
    {
        _at++;
        foreach (string named in (ReadOnlySpan<string>)["P<", "<"])
        {
            if (!text.AsSpan(_at).StartsWith(named, StringComparison.Ordinal))
                continue;
            int end = text.IndexOf('>', _at);
            string name = end < 0 ? "" : text[(_at + named.Length)..end];
            if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
                throw new PatternException("invalid named capture", end < 0 ? text[begin..] : text[begin..(end + 1)]);
            _at = end + 1;
            return true;
        }
        bool on = true;
        while (More)
        {
            char c = text[_at++];
            switch (c)
            {
                case 'i':
                    _flags.Fold = on;
                    break;
                case 'm':
                    _flags.Lines = on;
                    break;
                case 's':
                    _flags.DotAll = on;
                    break;
                case 'U':
                    break;
                case '-' when on:
                    on = false;
                    break;
                case ':':
                    return true;
                case ')':
                    return false;
                default:
                    throw new PatternException("invalid or unsupported Perl syntax", text[begin.._at]);
            }
        }
        throw new PatternException("missing closing )", text);
    }

    private PatternNode Quantified(PatternNode atom)
    {
        int first = _at;
        if (!Quantifier(out int min, out int? max))
            return atom;
        if (More && text[_at] == '?')
            _at++;
        int second = _at;
        if (Quantifier(out _, out _))
            throw new PatternException("invalid nested repetition operator", text[first.._at]);
        _at = second;
        if (min > MaxRepeat || max > MaxRepeat || max < min)
            throw new PatternException("invalid repeat count", text[first.._at]);
        return new PatternNode.Repeat(atom, min, max);
    }

    private bool Quantifier(out int min, out int? max)
    {
        (min, max) = (0, null);
        switch (More ? text[_at] : '\0')
        {
            case '*':
                break;
            case '+':
                min = 1;
                break;
            case '?':
                max = 1;
                break;
            case '{':
                return Counts(out min, out max);
            default:
                return false;
        }
        _at++;
        return true;
    }

    /// <summary><c>{n}</c>, <c>{n,}</c> or <c>{n,m}</c>; anything else in braces stands for itself.</summary>
    private bool Counts(out int min, out int? max)
    {
        (min, max) = (0, null);
        int end = text.IndexOf('}', _at);
        if (end < 0)
            return false;
        string[] counts = text[(_at + 1)..end].Split(',');
        if (counts.Length > 2 || !Count(counts[0], out min))
            return false;
        if (counts.Length == 1)
        {
            max = min;
        }
        else if (counts[1].Length > 0)
        {
            if (!Count(counts[1], out int most))
                return false;
            max = most;
        }
        _at = end + 1;
        return true;
    }

    private static bool Count(string digits, out int count)
    {
        count = MaxRepeat + 1;
        if (digits.Length == 0 || !digits.All(char.IsAsciiDigit))
            return false;
        if (digits.Length <= 4)
            count = int.Parse(digits, CultureInfo.InvariantCulture);
        return true;
    }

    private RuneSet Class(int begin)
    {
        bool inverted = More && text[_at] == '^';
        if (inverted)
            _at++;
        RuneSet set = new(inverted, _flags.Fold);
        for (bool first = true; ; first = false)
        {
            if (!More)
                throw new PatternException("missing closing ]", text[begin..]);
            if (text[_at] == ']' && !first)
                break;
            if (Named() is { } named)
            {
                set.Add(named);
                continue;
            }
            if (text[_at] == '\\' && _at + 1 < text.Length)
            {
                _at++;
                if (PerlClass() is { } perl)
                {
                    set.Add(perl);
                    continue;
                }
                _at--;
            }
            int from = _at;
            int low = ClassRune(begin);
            int high = low;
            if (_at + 1 < text.Length && text[_at] == '-' && text[_at + 1] != ']')
            {
                _at++;
                high = ClassRune(begin);
            }
            if (high < low)
                throw new PatternException("invalid character class range", text[from.._at]);
            set.Add(low, high);
        }
        _at++;
        return set;
    }

    private int ClassRune(int begin)
    {
        if (!More)
            throw new PatternException("missing closing ]", text[begin..]);
        int at = _at;
        int value = NextRune();
        if (value != '\\')
            return value;
        return More ? EscapedRune(at) : throw new PatternException("trailing backslash at end of expression", "");
    }

    /// <summary><c>\d</c> and its like.</summary>
    private RuneSet? PerlClass()
    {
        char c = text[_at];
        RuneSet set = new(char.IsAsciiLetterUpper(c), false);
        switch (char.ToLowerInvariant(c))
        {
            case 'd':
                set.Add('0', '9');
                break;
            case 'w':
                set.Add('0', '9').Add('A', 'Z').Add('_', '_').Add('a', 'z');
                break;
            case 's':
                set.Add('\t', '\n').Add('\f', '\r').Add(' ', ' ');
                break;
            default:
                return null;
        }
        _at++;
        return set;
    }

    /// <summary><c>[:alpha:]</c> and its like, within brackets.</summary>
    private RuneSet? Named()
    {
        if (!text.AsSpan(_at).StartsWith("[:", StringComparison.Ordinal))
            return null;
        int end = text.IndexOf(":]", _at + 2, StringComparison.Ordinal);
        if (end < 0)
            return null;
        string name = text[(_at + 2)..end];
        bool inverted = name.StartsWith('^');
        RuneSet set = new(inverted, false);
        switch (inverted ? name[1..] : name)
        {
            case "alnum":
                set.Add('0', '9').Add('A', 'Z').Add('a', 'z');
                break;
            case "alpha":
                set.Add('A', 'Z').Add('a', 'z');
                break;
            case "ascii":
                set.Add(0, 0x7f);
                break;
            case "blank":
                set.Add('\t', '\t').Add(' ', ' ');
                break;
            case "cntrl":
                set.Add(0, 0x1f).Add(0x7f, 0x7f);
                break;
            case "digit":
                set.Add('0', '9');
                break;
            case "graph":
                set.Add('!', '~');
                break;
            case "lower":
                set.Add('a', 'z');
                break;
            case "print":
                set.Add(' ', '~');
                break;
            case "punct":
                set.Add('!', '/').Add(':', '@').Add('[', '`').Add('{', '~');
                break;
            case "space":
                set.Add('\t', '\r').Add(' ', ' ');
                break;
            case "upper":
                set.Add('A', 'Z');
                break;
            case "word":
                set.Add('0', '9').Add('A', 'Z').Add('_', '_').Add('a', 'z');
                break;
            case "xdigit":
                set.Add('0', '9').Add('A', 'F').Add('a', 'f');
                break;
            default:
                throw new PatternException("invalid character class range", text[_at..(end + 2)]);
        }
        _at = end + 2;
        return set;
    }

    /// <summary>What a backslash, already read, makes of the following characters.</summary>
    private int EscapedRune(int begin)
    {
        int value = NextRune();
        switch (value)
        {
            case 'a':
                return 7;
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'v':
                return 11;
            case 'x':
                return Hex(begin);
            case >= '0' and <= '7':
                return Octal(value - '0', begin);
        }
        // Any mark may be escaped; a letter or digit without a meaning is an error, so that it can get one later.
        if (value < 0x80 && !char.IsAsciiLetterOrDigit((char)value) && value != '_')
            return value;
        throw new PatternException("invalid escape sequence", text[begin.._at]);
    }

    private int Octal(int value, int begin)
    {
        // \1 to \7 alone would be a reference to a group, which no automaton can follow.
        if (value != 0 && !(More && text[_at] is >= '0' and <= '7'))
            throw new PatternException("invalid escape sequence", text[begin.._at]);
        for (int i = 0; i < 2 && More && text[_at] is >= '0' and <= '7'; i++)
            value = value * 8 + (text[_at++] - '0');
        return value;
    }

    private int Hex(int begin)
    {
        int end = _at + 2;
        int digits = _at;
        if (More && text[_at] == '{')
        {
            end = text.IndexOf('}', _at);
            digits++;
        }
        if (end < 0 || end > text.Length
            || !int.TryParse(text.AsSpan(digits, end - digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value) || value is < 0 or > 0x10ffff)
        {
            throw new PatternException("invalid escape sequence", text[begin..Math.Min(text.Length, _at + 1)]);
        }
        _at = digits > _at ? end + 1 : end;
        return value;
    }

    private int NextRune()
    {
        if (!Rune.TryGetRuneAt(text, _at, out Rune rune))
            throw new PatternException("invalid UTF-8", text);
        _at += rune.Utf16SequenceLength;
        return rune.Value;
    }
}
