using Microsoft.Extensions.Logging;

namespace AotRuntime.Logging;

/// <summary>Makes loggers and reads logrus's level names.</summary>
public static class Log
{
    /// <summary>A logger that writes as the originals do. <paramref name="name"/> becomes the field <c>module</c> of each line; null for none.</summary>
    public static ILogger Create(string? name = null, LogOptions? options = null) => new LineLogger(name, options ?? new LogOptions());

    /// <summary>Reads a level as <c>--log-level</c> takes it.</summary>
    /// <returns>False for a word that is no level.</returns>
    public static bool TryParseLevel(string? text, out LogLevel level)
    {
        LogLevel? read = text?.ToLowerInvariant() switch
        {
            "trace" => LogLevel.Trace,
            "debug" => LogLevel.Debug,
            "info" => LogLevel.Information,
            "warn" or "warning" => LogLevel.Warning,
            "error" => LogLevel.Error,
            "fatal" or "panic" => LogLevel.Critical,
            _ => null,
        };
        level = read ?? LogLevel.Information;
        return read is not null;
    }

    /// <summary>The name that logrus gives a level.</summary>
    internal static string LevelName(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warning",
        LogLevel.Error => "error",
        _ => "fatal",
    };
}
