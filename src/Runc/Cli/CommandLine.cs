using AotRuntime.Linux;

namespace AotRuntime.Runc.Cli;

/// <summary>What commands check alike.</summary>
internal static class CommandLine
{
    /// <summary>The program's own name, as it was called.</summary>
    public static string Program => Environment.GetCommandLineArgs()[0];

    /// <exception cref="UsageException">Too few or too many; <paramref name="max"/> -1 is any number.</exception>
    public static void RequireArgs(string command, FlagSet flags, int min, int max)
    {
        int count = flags.Args.Count;
        if (min == max && count != min)
            throw new UsageException($"{Program}: \"{command}\" requires exactly {min} argument(s)", count: true);
        if (count < min)
            throw new UsageException($"{Program}: \"{command}\" requires a minimum of {min} argument(s)", count: true);
        if (max >= 0 && count > max)
            throw new UsageException($"{Program}: \"{command}\" requires a maximum of {max} argument(s)", count: true);
    }

    /// <summary>The path from here, since the working directory will be the bundle.</summary>
    public static string Absolute(string path) =>
        path.Length == 0 || path[0] == '/' ? path : Sys.GetCwd().TrimEnd('/') + "/" + path;

    /// <summary>A signal by number or name, with or without SIG.</summary>
    public static int Signal(string text)
    {
        if (int.TryParse(text, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out int number))
            return number;
        string name = text.ToUpperInvariant();
        if (name.StartsWith("SIG", StringComparison.Ordinal))
            name = name[3..];
        int at = Array.IndexOf(Signals, name);
        if (at > 0)
            return at;
        return name switch
        {
            "CLD" => 17,
            "POLL" => 29,
            "UNUSED" => 31,
            "IOT" => 6,
            _ => throw new RuncException($"unknown signal \"{text}\""),
        };
    }

    // x86-64 and arm64 numbers.
    private static readonly string[] Signals =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
        "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
}
