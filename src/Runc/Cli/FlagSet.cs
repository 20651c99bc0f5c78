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
    /// <summary>A number.</summary>
    Number,
    /// <summary>Numbers, one each time.</summary>
    Numbers,
    /// <summary>A duration, as "5s".</summary>
    Duration,
}

/// <summary>A flag: its long name, a one-letter name or nothing, what it takes, what it is for (nothing: known, but not told).</summary>
internal readonly record struct Flag(string Name, string Short, FlagKind Kind, string About = "");

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
    public int Number(string name) => _values.TryGetValue(name, out string? text) ? (int)GoNumbers.Parse(text) : 0;

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
            Flag? found = Find(flags, name);
            // As urfave/cli has it: behind an argument only what is a flag of the command is one (`kill ID -9`).
            if (found is null && set.Args.Count > 0 && name is not ("help" or "h"))
            {
                set.Args.Add(arg);
                continue;
            }
            if (found is not { } flag)
                throw name is "help" or "h" ? new HelpRequested() : new UsageException($"flag provided but not defined: -{name}");
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
            Require(flag.Kind, name, value);
            if (flag.Kind is not (FlagKind.List or FlagKind.Numbers))
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

    private static void Require(FlagKind kind, string name, string value)
    {
        string? wrong = kind switch
        {
            FlagKind.Number => GoNumbers.WhyNot(value, signed: true) is null ? null : "parse error",
            FlagKind.Numbers => GoNumbers.WhyNot(value, signed: true),
            FlagKind.Duration => GoNumbers.Duration(value) is null ? "parse error" : null,
            _ => null,
        };
        if (wrong is not null)
            throw new UsageException($"invalid value \"{value}\" for flag -{name}: {wrong}");
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
internal sealed class UsageException(string message, bool count = false) : Exception(message)
{
    /// <summary>Whether it is only the number of its arguments that is wrong.</summary>
    public bool Count { get; } = count;
}

/// <summary>A command line that asks what it could be.</summary>
internal sealed class HelpRequested : Exception;
