using AotRuntime.Linux;
using AotRuntime.Shim.Processes;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim.Stdio;

/// <summary>
/// A program that takes a container's output (<c>binary:///path?name=value</c>): it reads standard output from its descriptor 3
/// and standard error from 4, and closes 5 once it is ready.
/// </summary>
internal sealed class LoggingBinary : IDisposable
{
    private readonly Reaper _reaper;
    private readonly int _pid;
    private SafeFileHandle? _stdout;
    private SafeFileHandle? _stderr;

    private LoggingBinary(Reaper reaper, int pid, SafeFileHandle stdout, SafeFileHandle stderr)
    {
        _reaper = reaper;
        _pid = pid;
        _stdout = stdout;
        _stderr = stderr;
    }

    /// <summary>Starts the program and waits until it is ready.</summary>
    public static async Task<LoggingBinary> StartAsync(Reaper reaper, string uri, string id, string ns)
    {
        string path = StdioPaths.PathOf(uri);
        List<string> arguments = [path];
        foreach ((string name, string value) in StdioPaths.QueryOf(uri))
        {
            arguments.Add(name);
            if (value.Length > 0)
                arguments.Add(value);
        }
        List<string> environment = ProcessSpawn.CurrentEnvironment();
        environment.Add($"CONTAINER_ID={id}");
        environment.Add($"CONTAINER_NAMESPACE={ns}");

        (SafeFileHandle outRead, SafeFileHandle outWrite) = Sys.Pipe();
        (SafeFileHandle errRead, SafeFileHandle errWrite) = Sys.Pipe();
        (SafeFileHandle readyRead, SafeFileHandle readyWrite) = Sys.Pipe();
        int pid;
        using (SafeFileHandle devNull = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite))
        using (outRead)
        using (errRead)
        using (readyWrite)
        {
            _ = reaper.Spawn(new SpawnPlan
            {
                Path = path,
                Arguments = arguments,
                Environment = environment,
                Descriptors = [devNull, devNull, devNull, outRead, errRead, readyWrite],
            }, out pid);
        }
        var logger = new LoggingBinary(reaper, pid, outWrite, errWrite);
        using (readyRead)
        {
            // "binary" takes a closed descriptor for readiness too; "binary-v2" wants a byte first.
            byte[] ready = new byte[1];
            int count = await Task.Run(() => Sys.TryRead(readyRead, ready, out _)).ConfigureAwait(false);
            if (count <= 0 && uri.StartsWith("binary-v2:", StringComparison.Ordinal))
            {
                logger.Dispose();
                throw new ShimException("logging binary did not call ready (it may have crashed or exited prematurely)");
            }
        }
        return logger;
    }

    /// <summary>The end that standard output goes to; the caller's from now on.</summary>
    public SafeFileHandle TakeStdout() => Interlocked.Exchange(ref _stdout, null) ?? throw new InvalidOperationException("taken before");

    /// <summary>The end that standard error goes to; the caller's from now on.</summary>
    public SafeFileHandle TakeStderr() => Interlocked.Exchange(ref _stderr, null) ?? throw new InvalidOperationException("taken before");

    /// <summary>Lets the program see the end of its input, and asks it to go.</summary>
    public void Dispose()
    {
        _stdout?.Dispose();
        _stderr?.Dispose();
        _reaper.Kill(_pid, Sys.SIGTERM);
    }
}
