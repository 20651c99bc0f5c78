namespace AotRuntime.Docker.CommandLine;

/// <summary>How many positional arguments a command takes.</summary>
public readonly record struct ArgumentRule(int Minimum, int Maximum)
{
    /// <summary>None at all.</summary>
    public static readonly ArgumentRule None = new(0, 0);

    /// <summary>Any number.</summary>
    public static readonly ArgumentRule Any = new(0, int.MaxValue);

    /// <summary>So many.</summary>
    public static ArgumentRule Exactly(int count) => new(count, count);

    /// <summary>So many or more.</summary>
    public static ArgumentRule AtLeast(int count) => new(count, int.MaxValue);

    /// <summary>So many or fewer.</summary>
    public static ArgumentRule AtMost(int count) => new(0, count);

    /// <summary>Throws docker's error where <paramref name="count"/> breaks the rule.</summary>
    public void Check(int count, string path, string useLine)
    {
        if (count >= Minimum && count <= Maximum)
            return;
        string need;
        string advice = "Run";
        if (Maximum == 0)
            need = "accepts no arguments";
        else if (Minimum == Maximum)
            need = $"requires {Minimum} {Arguments(Minimum)}";
        else if (Maximum == int.MaxValue)
            (need, advice) = ($"requires at least {Minimum} {Arguments(Minimum)}", "See");
        else if (Minimum == 0)
            need = $"requires at most {Maximum} {Arguments(Maximum)}";
        else
            need = $"requires at least {Minimum} and at most {Maximum} {Arguments(Maximum)}";
        throw new CommandException($"docker: '{path}' {need}\n\nUsage:  {useLine}\n\n{advice} '{path} --help' for more information");
    }

    private static string Arguments(int count) => count == 1 ? "argument" : "arguments";
}
