namespace AotRuntime.Docker.CommandLine;

/// <summary>What a flag's value may not be; the message becomes part of <c>invalid argument … for … flag: MESSAGE</c>.</summary>
public sealed class FlagValueException(string message) : Exception(message);

/// <summary>A flag as the command line knows it, whatever its value's type.</summary>
public abstract class Flag(string name, char shorthand, string usage, string typeName)
{
    /// <summary>Long name, without dashes.</summary>
    public string Name { get; } = name;

    /// <summary>One letter, or NUL for none.</summary>
    public char Shorthand { get; } = shorthand;

    /// <summary>What help says.</summary>
    public string Usage { get; } = usage;

    /// <summary>The value's name in help; empty for switches.</summary>
    public string TypeName { get; } = typeName;

    /// <summary>Left out of help.</summary>
    public bool Hidden { get; init; }

    /// <summary>Advice printed when the flag is used; null while it isn't deprecated.</summary>
    public string? Deprecated { get; init; }

    /// <summary>Advice printed when the shorthand is used; null while it isn't deprecated.</summary>
    public string? ShorthandDeprecated { get; init; }

    /// <summary>The default as help shows it; null where it says nothing.</summary>
    public string? DefaultText { get; init; }

    /// <summary>Whether the command line set it.</summary>
    public bool Changed { get; private set; }

    /// <summary>What the bare flag means; null where a value must follow.</summary>
    public virtual string? ValueWhenBare => null;

    /// <summary>Takes a value from the command line.</summary>
    /// <exception cref="FlagValueException">It isn't one.</exception>
    public void Set(string text)
    {
        Assign(text);
        Changed = true;
    }

    /// <summary>Parses and keeps <paramref name="text"/>.</summary>
    protected abstract void Assign(string text);
}

/// <summary>A flag with one value; the last one given wins.</summary>
public sealed class Flag<T>(string name, char shorthand, T value, string usage, string typeName, Func<string, T> parse)
    : Flag(name, shorthand, usage, typeName)
{
    /// <summary>The value, or its default.</summary>
    public T Value { get; private set; } = value;

    /// <inheritdoc/>
    public override string? ValueWhenBare => typeof(T) == typeof(bool) ? "true" : null;

    /// <inheritdoc/>
    protected override void Assign(string text) => Value = parse(text);
}

/// <summary>A flag that may be given several times.</summary>
public sealed class ListFlag(string name, char shorthand, string usage, string typeName, Func<string, string>? validate)
    : Flag(name, shorthand, usage, typeName)
{
    /// <summary>What was given, in order.</summary>
    public List<string> Values { get; } = [];

    /// <inheritdoc/>
    protected override void Assign(string text) => Values.Add(validate is null ? text : validate(text));
}

/// <summary>Another name of a flag that does the same (<c>--net</c> for <c>--network</c>).</summary>
public sealed class AliasFlag(string name, Flag target) : Flag(name, '\0', target.Usage, target.TypeName)
{
    /// <inheritdoc/>
    public override string? ValueWhenBare => target.ValueWhenBare;

    /// <inheritdoc/>
    protected override void Assign(string text) => target.Set(text);
}
