namespace AotRuntime.Patterns;

/// <summary>What holds between two characters and consumes neither.</summary>
internal enum Assertion
{
    TextBegin,
    TextEnd,
    LineBegin,
    LineEnd,
    WordBoundary,
    NoWordBoundary,
}

/// <summary>A pattern as a tree.</summary>
internal abstract record PatternNode
{
    /// <summary>One character of a set.</summary>
    public sealed record One(RuneSet Set) : PatternNode;

    /// <summary>A place between characters.</summary>
    public sealed record Place(Assertion Assertion) : PatternNode;

    /// <summary>One after the other; none at all matches the empty text.</summary>
    public sealed record Sequence(IReadOnlyList<PatternNode> Parts) : PatternNode;

    /// <summary>Any of several.</summary>
    public sealed record Either(IReadOnlyList<PatternNode> Parts) : PatternNode;

    /// <summary>The same again; without a maximum, any number of times.</summary>
    public sealed record Repeat(PatternNode Part, int Min, int? Max) : PatternNode;
}
