namespace AotRuntime.Shim;

/// <summary>The shim's command line, in the grammar of Go's flag package: <c>-name value</c>, <c>-name=value</c>, one or two dashes.</summary>
internal sealed class ShimOptions
{
    /// <summary><c>-namespace</c>: who the container belongs to.</summary>
    public string Namespace { get; private set; } = "";

    /// <summary><c>-id</c>: the container.</summary>
    public string Id { get; private set; } = "";

    /// <summary><c>-address</c>: containerd's gRPC socket.</summary>
    public string Address { get; private set; } = "";

    /// <summary><c>-bundle</c>: the bundle where it is not the working directory (<c>delete</c>).</summary>
    public string Bundle { get; private set; } = "";

    /// <summary><c>-socket</c>: where to listen instead of on descriptor 3.</summary>
    public string Socket { get; private set; } = "";

    /// <summary><c>-debug</c>.</summary>
    public bool Debug { get; private set; }

    /// <summary><c>-v</c>, <c>-version</c>.</summary>
    public bool Version { get; private set; }

    /// <summary><c>-info</c>.</summary>
    public bool Info { get; private set; }

    /// <summary><c>start</c>, <c>delete</c>, or nothing to serve.</summary>
    public string Action { get; private set; } = "";

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">An unknown flag, or a value that is missing.</exception>
    public static ShimOptions Parse(IReadOnlyList<string> args)
    {
        var options = new ShimOptions();
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
            string name = arg[1] == '-' ? arg[2..] : arg[1..];
            string? value = null;
            int equals = name.IndexOf('=');
            if (equals >= 0)
                (name, value) = (name[..equals], name[(equals + 1)..]);

            if (name is "debug" or "v" or "version" or "info")
            {
                bool on = value switch
                {
                    null or "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
                    "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
                    _ => throw new FormatException($"invalid boolean value \"{value}\" for -{name}: parse error"),
                };
                options.Set(name, on);
                continue;
            }
            if (name is not ("namespace" or "id" or "address" or "bundle" or "socket" or "debug-socket" or "publish-binary"))
                throw new FormatException($"flag provided but not defined: -{name}");
            if (value is null)
            {
                if (++at == args.Count)
                    throw new FormatException($"flag needs an argument: -{name}");
                value = args[at];
            }
            options.Set(name, value);
        }
        if (at < args.Count)
            options.Action = args[at];
        return options;
    }

    private void Set(string name, bool on)
    {
        switch (name)
        {
            case "debug":
                Debug = on;
                break;
            case "info":
                Info = on;
                break;
            default:
                Version = on;
                break;
        }
    }

    private void Set(string name, string value)
    {
        switch (name)
        {
            case "namespace":
                Namespace = value;
                break;
            case "id":
                Id = value;
                break;
            case "address":
                Address = value;
                break;
            case "bundle":
                Bundle = value;
                break;
            case "socket":
                Socket = value;
                break;
            default:
                // -publish-binary and -debug-socket are accepted for the sake of callers: events go over TTRPC_ADDRESS.
                break;
        }
    }
}
