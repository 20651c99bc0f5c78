using Microsoft.Extensions.Logging;

namespace AotRuntime.Logging;

/// <summary>How lines are written.</summary>
public enum LogFormat
{
    /// <summary><c>time="…" level=info msg="…" key=value</c>.</summary>
    Text,

    /// <summary>One JSON object a line.</summary>
    Json,
}

/// <summary>Where log lines go, and which. Loggers made with one object share its output and its (changeable) level.</summary>
public sealed class LogOptions
{
    private readonly Lock _writing = new();
    private Stream? _output;
    private long _dropped;

    /// <summary>Lines below this level are not written. May be changed at any time (a daemon reloads its configuration on SIGHUP).</summary>
    public LogLevel Level { get; set; } = LogLevel.Information;

    /// <summary>The form of a line.</summary>
    public LogFormat Format { get; init; } = LogFormat.Text;

    /// <summary>Where lines go; standard error unless set.</summary>
    public Stream? Output { get => _output; init => _output = value; }

    /// <summary>Tells the time; tests set it.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>How many lines could not be written (a full disk, a closed pipe). Logging never fails its caller.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Appends to <paramref name="path"/>, made with mode 0640 where it is missing.</summary>
    public static Stream OpenFile(string path) => new FileStream(path, new FileStreamOptions
    {
        Mode = FileMode.Append,
        Access = FileAccess.Write,
        Share = FileShare.ReadWrite | FileShare.Delete,
        BufferSize = 0,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
    });

    /// <summary>Writes one whole line with one call, so that lines of several processes on one pipe do not mix.</summary>
    internal void WriteLine(ReadOnlySpan<byte> line)
    {
        lock (_writing)
        {
            try
            {
                _output ??= Console.OpenStandardError();
                _output.Write(line);
                _output.Flush();
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
            {
                Interlocked.Increment(ref _dropped);
            }
        }
    }
}
