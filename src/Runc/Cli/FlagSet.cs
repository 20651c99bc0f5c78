namespace AotRuntime.Runc.Cli;

/// <summary>What a flag takes.</summary>
internal enum FlagKind
{
    /// <summary>Nothing, or <c>=true</c>, <c>=false</c>.</summary>
    Bool,
    /// <summary>One value; the last counts.</summary>
    Text,
    /// <summary>Values, one each time.</summary>
    List,
}

/// <summary>A flag: its long name, a one-letter name or nothing, what it takes.</summary>
internal readonly record struct Flag(string Name, string Short, FlagKind Kind);

/// <summary>
/// Command-line flags as Go's flag package reads them: one dash or two, <c>--flag value</c> and <c>--flag=value</c>, and an end at
/// <c>--</c>. Flags may also follow the positional arguments (<c>runc update ID --memory 1</c>), unless the command stops at its first.
/// </summary>
internal sealed class FlagSet
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<string>> _lists = new(StringComparer.Ordinal);

    /// <summary>The positional arguments.</summary>
    public List<string> Args { get; } = [];

    public bool Has(string name) => _values.ContainsKey(name) || _lists.ContainsKey(name);

    public bool IsOn(string name) => _values.GetValueOrDefault(name) == "true";

    public string Text(string name, string fallback = "") => _values.GetValueOrDefault(name, fallback);

    public List<string> List(string name) => _lists.GetValueOrDefault(name) ?? [];

    /// <summary>A number, 0 where it is not given.</summary>
    public int Number(string name)
    {
        if (!_values.TryGetValue(name, out string? text))
            return 0;
        return int.TryParse(text, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new UsageException($"invalid value \"{text}\" for flag -{name}: strconv.ParseInt: parsing \"{text}\": invalid syntax");
    }

    /// <inheritdoc cref="Parse(ReadOnlySpan{string}, ReadOnlySpan{Flag}, bool)"/>
    public static FlagSet Parse(List<string> args, int start, ReadOnlySpan<Flag> flags, bool stopAtFirst) =>
        Parse(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(args)[start..], flags, stopAtFirst);

    /// <summary>Reads arguments.</summary>
    /// <exception cref="UsageException">An unknown flag, or one without its value.</exception>
    public static FlagSet Parse(ReadOnlySpan<string> args, ReadOnlySpan<Flag> flags, bool stopAtFirst)
    {
        var set = new FlagSet();
        for (int i = 0; i < args.Length; i++)
        {
            string arg = args[i];
            if (arg.Length < 2 || arg[0] != '-')
            {
                set.Args.Add(arg);
                if (!stopAtFirst)
                    continue;
                for (i++; i < args.Length; i++)
                    set.Args.Add(args[i]);
                break;
            }
            if (arg == "--")
            {
                for (i++; i < args.Length; i++)
                    set.Args.Add(args[i]);
                break;
            }
            string name = arg[(arg[1] == '-' ? 2 : 1)..];
            string? value = null;
            int equals = name.IndexOf('=');
            if (equals >= 0)
            {
                value = name[(equals + 1)..];
                name = name[..equals];
            }
            if (Find(flags, name) is not { } flag)
                throw new UsageException($"flag provided but not defined: -{name}");
            if (flag.Kind == FlagKind.Bool)
            {
                set._values[flag.Name] = value switch
                {
                    null or "1" or "t" or "T" or "true" or "TRUE" or "True" => "true",
                    "0" or "f" or "F" or "false" or "FALSE" or "False" => "false",
                    _ => throw new UsageException($"invalid boolean value \"{value}\" for -{name}: parse error"),
                };
                continue;
            }
            if (value is null)
            {
                if (++i >= args.Length)
                    throw new UsageException($"flag needs an argument: -{name}");
                value = args[i];
            }
            if (flag.Kind == FlagKind.Text)
            {
                set._values[flag.Name] = value;
            }
            else
            {
                if (!set._lists.TryGetValue(flag.Name, out List<string>? list))
                    set._lists[flag.Name] = list = [];
                list.Add(value);
            }
        }
        return set;
    }

    private static Flag? Find(ReadOnlySpan<Flag> flags, string name)
    {
        foreach (Flag flag in flags)
        {
            if (flag.Name == name || (flag.Short.Length > 0 && flag.Short == name))
                return flag;
        }
        return null;
    }
}

/// <summary>A command line that can't be read.</summary>
internal sealed class UsageException(string message) : Exception(message);
