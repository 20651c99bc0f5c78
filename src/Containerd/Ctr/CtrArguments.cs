namespace AotRuntime.Containerd.Ctr;

/// <summary>A command line in the grammar of urfave/cli: flags before positional arguments, one or two dashes, <c>-flag=value</c> or <c>-flag value</c>.</summary>
internal sealed class CtrArguments
{
    private readonly Dictionary<string, List<string>> _values = [];

    private CtrArguments(List<string> positional) => Positional = positional;

    /// <summary>What is no flag, in order.</summary>
    public List<string> Positional { get; }

    /// <summary>Reads a command's arguments up to the first positional one; all that follows is positional.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="flags">The flags: names separated by commas, with <c>=</c> at the end where a value follows: <c>"address,a="</c>.</param>
    /// <exception cref="CtrException">An unknown flag, or a value that is missing.</exception>
    public static CtrArguments Parse(IReadOnlyList<string> args, params string[] flags)
    {
        var names = new Dictionary<string, (string Name, bool Value)>();
        foreach (string flag in flags)
        {
            bool value = flag.EndsWith('=');
            string[] all = flag.TrimEnd('=').Split(',');
            foreach (string name in all)
                names[name] = (all[0], value);
        }
        var parsed = new CtrArguments([]);
        int at = 0;
        for (; at < args.Count; at++)
        {
            string arg = args[at];
            if (arg == "--")
            {
                at++;
                break;
            }
            if (arg.Length < 2 || arg[0] != '-')
                break;
            string name = arg.StartsWith("--", StringComparison.Ordinal) ? arg[2..] : arg[1..];
            string? given = null;
            int equals = name.IndexOf('=');
            if (equals >= 0)
                (name, given) = (name[..equals], name[(equals + 1)..]);
            if (!names.TryGetValue(name, out (string Name, bool Value) flag))
                throw new CtrException($"flag provided but not defined: -{name}");
            if (flag.Value && given is null)
            {
                if (++at == args.Count)
                    throw new CtrException($"flag needs an argument: -{name}");
                given = args[at];
            }
            if (!parsed._values.TryGetValue(flag.Name, out List<string>? values))
                parsed._values[flag.Name] = values = [];
            values.Add(given ?? "true");
        }
        for (; at < args.Count; at++)
            parsed.Positional.Add(args[at]);
        return parsed;
    }

    /// <summary>Whether a flag without a value was given.</summary>
    public bool Has(string name) => _values.TryGetValue(name, out List<string>? values) && values[^1] != "false";

    /// <summary>The last value of a flag; null where it was not given.</summary>
    public string? Value(string name) => _values.TryGetValue(name, out List<string>? values) ? values[^1] : null;

    /// <summary>All values of a flag.</summary>
    public IReadOnlyList<string> Values(string name) => _values.TryGetValue(name, out List<string>? values) ? values : [];
}

/// <summary>What ends a command, in the words that are printed.</summary>
internal sealed class CtrException(string message) : Exception(message);

/// <summary>A command that is not there.</summary>
internal sealed class CtrUsageException(string command) : Exception($"No help topic for '{command}'");
