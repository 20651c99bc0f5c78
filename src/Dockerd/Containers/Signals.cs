using System.Globalization;

namespace AotRuntime.Dockerd.Containers;

/// <summary>Signals by name, <c>SIGTERM</c> or <c>TERM</c>, or number.</summary>
internal static class Signals
{
    /// <summary>Ends a process for good.</summary>
    public const int SIGKILL = 9;

    /// <summary>Asks a process to end.</summary>
    public const int SIGTERM = 15;

    private static readonly string[] s_names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    /// <summary>Reads one; false for what is none.</summary>
    public static bool TryParse(string text, out int signal)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out signal))
            return signal is > 0 and <= 64;
        string name = text.ToUpperInvariant();
        if (name.StartsWith("SIG", StringComparison.Ordinal))
            name = name[3..];
        signal = name switch
        {
            "IOT" => 6,
            "CLD" => 17,
            "POLL" => 29,
            "RTMIN" => 34,
            "RTMAX" => 64,
            _ when name.StartsWith("RTMIN+", StringComparison.Ordinal) && int.TryParse(name.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out int plus) && plus <= 15 => 34 + plus,
            _ when name.StartsWith("RTMAX-", StringComparison.Ordinal) && int.TryParse(name.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out int minus) && minus <= 14 => 64 - minus,
            _ => Math.Max(0, Array.IndexOf(s_names, name)),
        };
        return signal > 0;
    }
}
