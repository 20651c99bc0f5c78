using System.Text;

namespace AotRuntime.Patterns;

/// <summary>The characters that one place of a pattern accepts: ranges of code points, folded and inverted when matching.</summary>
internal sealed class RuneSet(bool inverted, bool folded)
{
    private readonly List<(int Low, int High)> _ranges = [];
    private readonly List<RuneSet> _sets = [];

    /// <summary>Adds the code points from <paramref name="low"/> to <paramref name="high"/>.</summary>
    public RuneSet Add(int low, int high)
    {
        _ranges.Add((low, high));
        return this;
    }

    /// <summary>Adds all that another set accepts (a class within a class).</summary>
    public void Add(RuneSet set) => _sets.Add(set);

    /// <summary>Whether the set accepts the character.</summary>
    public bool Contains(Rune rune)
    {
        bool found = Holds(rune.Value);
        if (!found && folded)
            found = Holds(Rune.ToLowerInvariant(rune).Value) || Holds(Rune.ToUpperInvariant(rune).Value);
        return (found || _sets.Exists(set => set.Contains(rune))) != inverted;
    }

    private bool Holds(int value)
    {
        foreach ((int low, int high) in _ranges)
        {
            if (value >= low && value <= high)
                return true;
        }
        return false;
    }
}
