using System.Text;

namespace AotRuntime.Patterns;

/// <summary>
/// A regular expression as Go's regexp package (RE2) reads it, asked only whether it matches somewhere in a text. It runs as a set of states
/// that all advance together, so that the time is at most the pattern's length times the text's, whatever pattern a client sends.
/// System.Text.RegularExpressions reads another language, and is a megabyte of the program.
/// </summary>
public sealed class Pattern
{
    /// <summary>A pattern may not become more states than this.</summary>
    private const int MaxStates = 10_000;

    private const int Accept = 0;

    private readonly List<State> _states = [new(null, null, -1, -1)];
    private readonly string _text;
    private readonly int _start;

    private Pattern(string text)
    {
        _text = text;
        _start = Build(new PatternParser(text).Parse(), Accept);
    }

    /// <summary>Reads a pattern.</summary>
    /// <exception cref="PatternException">It is no pattern, or too large a one.</exception>
    public static Pattern Parse(string pattern) => new(pattern);

    /// <summary>Whether the pattern matches anywhere in the text.</summary>
    public bool IsMatch(string text)
    {
        Threads now = new(_states.Count), next = new(_states.Count);
        Rune? before = null;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Follow(now, _start, before, rune))
                return true;
            next.Clear();
            foreach (int state in now.Consuming)
            {
                if (_states[state].Set!.Contains(rune))
                    next.Pending.Push(_states[state].Next);
            }
            before = rune;
            (now, next) = (next, now);
        }
        return Follow(now, _start, before, null);
    }

    /// <summary>Follows what consumes nothing, from the start and from all that is pending, to the states that consume; whether that accepts.</summary>
    private bool Follow(Threads threads, int start, Rune? before, Rune? after)
    {
        threads.Pending.Push(start);
        while (threads.Pending.TryPop(out int index))
        {
            if (index == Accept)
                return true;
            if (!threads.Enter(index))
                continue;
            State state = _states[index];
            if (state.Set is not null)
            {
                threads.Consuming.Add(index);
                continue;
            }
            if (state.Assertion is { } assertion && !Holds(assertion, before, after))
                continue;
            threads.Pending.Push(state.Next);
            if (state.Other >= 0)
                threads.Pending.Push(state.Other);
        }
        return false;
    }

    private static bool Holds(Assertion assertion, Rune? before, Rune? after) => assertion switch
    {
        Assertion.TextBegin => before is null,
        Assertion.TextEnd => after is null,
        Assertion.LineBegin => before is null || before.Value.Value == '\n',
        Assertion.LineEnd => after is null || after.Value.Value == '\n',
        Assertion.WordBoundary => IsWord(before) != IsWord(after),
        _ => IsWord(before) == IsWord(after),
    };

    private static bool IsWord(Rune? rune) => rune is { IsAscii: true } r && (Rune.IsLetterOrDigit(r) || r.Value == '_');

    /// <summary>Makes the states of a node, which go on at <paramref name="next"/>; says where they begin.</summary>
    private int Build(PatternNode node, int next)
    {
        switch (node)
        {
            case PatternNode.One one:
                return Add(new State(one.Set, null, next, -1));
            case PatternNode.Place place:
                return Add(new State(null, place.Assertion, next, -1));
            case PatternNode.Sequence sequence:
                for (int i = sequence.Parts.Count - 1; i >= 0; i--)
                    next = Build(sequence.Parts[i], next);
                return next;
            case PatternNode.Either either:
                int first = Build(either.Parts[^1], next);
                for (int i = either.Parts.Count - 2; i >= 0; i--)
                    first = Add(new State(null, null, Build(either.Parts[i], next), first));
                return first;
            case PatternNode.Repeat repeat:
                return Build(repeat, next);
            default:
                throw new ArgumentOutOfRangeException(nameof(node));
        }
    }

    private int Build(PatternNode.Repeat repeat, int next)
    {
        int end = next;
        if (repeat.Max is { } max)
        {
            for (int i = repeat.Min; i < max; i++)
                next = Add(new State(null, null, Build(repeat.Part, next), end));
        }
        else
        {
            int loop = Add(new State(null, null, end, end));
            _states[loop] = _states[loop] with { Next = Build(repeat.Part, loop) };
            next = loop;
        }
        for (int i = 0; i < repeat.Min; i++)
            next = Build(repeat.Part, next);
        return next;
    }

    private int Add(State state)
    {
        if (_states.Count >= MaxStates)
            throw new PatternException("expression too large", _text);
        _states.Add(state);
        return _states.Count - 1;
    }

    /// <summary>Consumes a character of the set, or asks the assertion, or neither; goes on at one or two others.</summary>
    private readonly record struct State(RuneSet? Set, Assertion? Assertion, int Next, int Other);

    /// <summary>The states that are live at one place of the text, each once.</summary>
    private sealed class Threads(int states)
    {
        private readonly int[] _entered = new int[states];
        private int _round = 1;

        public List<int> Consuming { get; } = [];
        public Stack<int> Pending { get; } = [];

        public bool Enter(int state)
        {
            if (_entered[state] == _round)
                return false;
            _entered[state] = _round;
            return true;
        }

        public void Clear()
        {
            _round++;
            Consuming.Clear();
            Pending.Clear();
        }
    }
}
