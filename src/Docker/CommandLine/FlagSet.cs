using System.Text;

namespace AotRuntime.Docker.CommandLine;

/// <summary>
/// The flags of one command and their grammar, which is POSIX with GNU's long options as docker has it:
/// <c>--name=value</c>, <c>--name value</c>, <c>-n value</c>, <c>-nvalue</c>, <c>-n=value</c>, switches bundled
/// (<c>-dit</c>), <c>--</c> ends flags. Only switches may stand bare, and so take a value only after <c>=</c>.
/// </summary>
public sealed class FlagSet
{
    private readonly List<Flag> _flags = [];

    /// <summary>All flags, in order of definition.</summary>
    public IReadOnlyList<Flag> Flags => _flags;

    /// <summary>Whether flags may follow positional arguments; without, the first positional ends flags (run, exec, create).</summary>
    public bool Interspersed { get; set; } = true;

    /// <summary>Whether <c>--help</c> was given.</summary>
    public bool HelpAsked { get; private set; }

    /// <summary>Notes about deprecated flags that were used, for standard output.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Adds a flag.</summary>
    public T Add<T>(T flag) where T : Flag
    {
        _flags.Add(flag);
        return flag;
    }

    /// <summary>A switch.</summary>
    public Flag<bool> Bool(string name, char shorthand, string usage, bool value = false, bool hidden = false) =>
        Add(new Flag<bool>(name, shorthand, value, usage, "", FlagValues.Bool) { DefaultText = value ? "true" : null, Hidden = hidden });

    /// <summary>A string.</summary>
    public Flag<string> String(string name, char shorthand, string usage, string value = "", bool hidden = false) =>
        Add(new Flag<string>(name, shorthand, value, usage, "string", static s => s)
        {
            DefaultText = value.Length > 0 ? $"\"{value}\"" : null,
            Hidden = hidden,
        });

    /// <summary>A signed integer.</summary>
    public Flag<long> Int(string name, char shorthand, string usage, long value = 0, string? deprecated = null) =>
        Add(new Flag<long>(name, shorthand, value, usage, "int", FlagValues.Int)
        {
            DefaultText = value != 0 ? value.ToString(System.Globalization.CultureInfo.InvariantCulture) : null,
            Deprecated = deprecated,
            Hidden = deprecated is not null,
        });

    /// <summary>A list of strings, one per use.</summary>
    public ListFlag List(string name, char shorthand, string usage, Func<string, string>? validate = null, string typeName = "list", string? defaultText = null) =>
        Add(new ListFlag(name, shorthand, usage, typeName, validate) { DefaultText = defaultText });

    /// <summary>An amount of memory or disk in bytes, with a binary unit.</summary>
    public Flag<long> Bytes(string name, char shorthand, string usage, Func<string, long>? parse = null) =>
        Add(new Flag<long>(name, shorthand, 0, usage, "bytes", parse ?? FlagValues.Bytes));

    /// <summary>A time span in Go's notation.</summary>
    public Flag<long> Duration(string name, string usage) =>
        Add(new Flag<long>(name, '\0', 0, usage, "duration", FlagValues.Duration));

    /// <summary>Another, hidden name of <paramref name="target"/>.</summary>
    public void Alias(string name, Flag target) => Add(new AliasFlag(name, target) { Hidden = true });

    /// <summary>The flag named <paramref name="name"/>, or null.</summary>
    public Flag? Find(string name)
    {
        foreach (Flag flag in _flags)
        {
            if (flag.Name == name)
                return flag;
        }
        return null;
    }

    /// <summary>Sets flags from <paramref name="args"/> and gives the rest.</summary>
    /// <exception cref="FlagValueException">Words of the error, as docker has them.</exception>
    public List<string> Parse(ReadOnlySpan<string> args)
    {
        List<string> rest = [];
        for (int i = 0; i < args.Length && !HelpAsked;)
        {
            string arg = args[i++];
            if (arg.Length < 2 || arg[0] != '-')
            {
                rest.Add(arg);
                if (Interspersed)
                    continue;
                rest.AddRange(args[i..]);
                break;
            }
            if (arg == "--")
            {
                rest.AddRange(args[i..]);
                break;
            }
            if (arg[1] == '-')
                ParseLong(arg, args, ref i);
            else
                ParseShorts(arg, args, ref i);
        }
        return rest;
    }

    private void ParseLong(string arg, ReadOnlySpan<string> args, ref int next)
    {
        int equals = arg.IndexOf('=');
        string name = equals < 0 ? arg[2..] : arg[2..equals];
        if (name.Length == 0 || name[0] == '-')
            throw new FlagValueException($"bad flag syntax: {arg}");
        if (name == "help")
        {
            HelpAsked = true;
            return;
        }
        Flag flag = Find(name) ?? throw new FlagValueException($"unknown flag: --{name}");

        string value;
        if (equals >= 0)
            value = arg[(equals + 1)..];
        else if (flag.ValueWhenBare is { } bare)
            value = bare;
        else if (next < args.Length)
            value = args[next++];
        else
            throw new FlagValueException($"flag needs an argument: {arg}");
        Set(flag, value);
    }

    private void ParseShorts(string arg, ReadOnlySpan<string> args, ref int next)
    {
        for (int at = 1; at < arg.Length; at++)
        {
            char letter = arg[at];
            Flag? flag = null;
            foreach (Flag candidate in _flags)
            {
                if (candidate.Shorthand == letter)
                    flag = candidate;
            }
            if (flag is null)
            {
                if (letter == 'h')
                {
                    Notes.Add("Flag shorthand -h has been deprecated, use --help");
                    HelpAsked = true;
                    return;
                }
                throw new FlagValueException($"unknown shorthand flag: {Quote(letter)} in -{arg[at..]}");
            }

            string value;
            bool last = true;
            if (arg.Length > at + 2 && arg[at + 1] == '=')
                value = arg[(at + 2)..];
            else if (flag.ValueWhenBare is { } bare)
                (value, last) = (bare, false);
            else if (arg.Length > at + 1)
                value = arg[(at + 1)..];
            else if (next < args.Length)
                value = args[next++];
            else
                throw new FlagValueException($"flag needs an argument: {Quote(letter)} in -{arg[at..]}");
            if (flag.ShorthandDeprecated is { } advice)
                Notes.Add($"Flag shorthand -{letter} has been deprecated, {advice}");
            Set(flag, value);
            if (last)
                return;
        }
    }

    private static string Quote(char letter) => $"'{letter}'";

    private void Set(Flag flag, string value)
    {
        try
        {
            flag.Set(value);
        }
        catch (FlagValueException e)
        {
            string name = flag.Shorthand == '\0' ? $"--{flag.Name}" : $"-{flag.Shorthand}, --{flag.Name}";
            throw new FlagValueException($"invalid argument {GoText.Quote(value)} for \"{name}\" flag: {e.Message}");
        }
        if (flag.Deprecated is { } advice)
            Notes.Add($"Flag --{flag.Name} has been deprecated, {advice}");
    }

    /// <summary>The option part of help: two columns, wrapped at <paramref name="width"/> (0: not at all).</summary>
    public string Usages(int width)
    {
        List<(Flag Flag, string Left)> lines = [];
        int column = 0;
        foreach (Flag flag in Sorted())
        {
            string left = flag.Shorthand != '\0' && flag.ShorthandDeprecated is null ? $"  -{flag.Shorthand}, --{flag.Name}" : $"      --{flag.Name}";
            if (flag.TypeName.Length > 0)
                left += " " + flag.TypeName;
            column = Math.Max(column, left.Length);
            lines.Add((flag, left));
        }

        // One blank past the longest name is the place of a mark between the columns, two more set them apart.
        column++;
        StringBuilder text = new();
        foreach ((Flag flag, string left) in lines)
        {
            string usage = flag.DefaultText is { } defaultText ? $"{flag.Usage} (default {defaultText})" : flag.Usage;
            text.Append(left).Append(' ', column - left.Length + 2).Append(UsageWrap.Wrap(column + 2, width, usage)).Append('\n');
        }
        return text.ToString();
    }

    private List<Flag> Sorted()
    {
        List<Flag> visible = [];
        foreach (Flag flag in _flags)
        {
            if (!flag.Hidden)
                visible.Add(flag);
        }
        visible.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return visible;
    }
}
