using System.Runtime.InteropServices;
using AotRuntime.Linux;
using AotRuntime.Shim.Processes;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim.Stdio;

/// <summary>The standard streams of one process: what it inherits, and what moves between that and the client's FIFOs.</summary>
internal sealed class ProcessStdio : IDisposable
{
    private const int ConsoleTimeoutMilliseconds = 10_000;

    private readonly List<Relay> _outputs = [];
    private readonly List<SafeHandle> _childEnds = [];
    private readonly List<SafeHandle> _keep = [];
    private readonly List<(SafeFileHandle Ours, string Path)> _outputPipes = [];
    private readonly StdioPaths _paths;
    private readonly IoLoop _loop;
    private SafeFileHandle? _inputPipe;
    private Relay? _input;
    private SafeFileHandle? _inputKeep;
    private SafeFileHandle? _console;
    private ConsoleSocket? _consoleSocket;
    private LoggingBinary? _logger;

    private ProcessStdio(IoLoop loop, StdioPaths paths)
    {
        _loop = loop;
        _paths = paths;
    }

    /// <summary>What the process inherits; null with a terminal, which comes over <see cref="ConsoleSocketPath"/>.</summary>
    public RuncStdio? Inherited { get; private set; }

    /// <summary>Where the runtime sends the terminal's master.</summary>
    public string? ConsoleSocketPath => _consoleSocket?.Path;

    /// <summary>Opens everything that is there before the process is.</summary>
    /// <exception cref="IOException">A FIFO or file can't be opened.</exception>
    /// <exception cref="ShimException">An unknown scheme.</exception>
    public static async Task<ProcessStdio> OpenAsync(IoLoop loop, Reaper reaper, StdioPaths paths, string containerId, string ns, uint uid, uint gid)
    {
        var stdio = new ProcessStdio(loop, paths);
        try
        {
            if (paths.Scheme is not ("fifo" or "file" or "binary" or "binary-v2"))
                throw new ShimException($"unknown STDIO scheme {paths.Scheme}");
            if (paths.Scheme.StartsWith("binary", StringComparison.Ordinal))
                stdio._logger = await LoggingBinary.StartAsync(reaper, paths.Stdout, containerId, ns).ConfigureAwait(false);
            if (paths.Terminal)
                stdio._consoleSocket = new ConsoleSocket();
            else
                stdio.OpenPipes(uid, gid);
            return stdio;
        }
        catch (Exception)
        {
            stdio.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The runtime has returned: lets go of what the process inherited, takes the terminal where there is one, and opens the
    /// client's side. Not before: a client may send the end of its input as soon as somebody reads it, and can say so with
    /// CloseIO only once its task is there.
    /// </summary>
    /// <exception cref="ShimException">The terminal did not come.</exception>
    /// <exception cref="IOException">A FIFO or file can't be opened.</exception>
    public void Started()
    {
        foreach (SafeHandle end in _childEnds)
            end.Dispose();
        _childEnds.Clear();
        Inherited = null;
        if (_consoleSocket is null)
        {
            StartPipes();
            return;
        }
        using (_consoleSocket)
        {
            _console = _consoleSocket.Receive(ConsoleTimeoutMilliseconds)
                ?? throw new ShimException("failed to retrieve console master: the runtime sent none");
        }
        _consoleSocket = null;
        Sys.SetNonBlocking(_console);
        SafeFileHandle master = Sys.Duplicate(_console);
        if (_logger is not null)
            _outputs.Add(new Relay(_loop, master, NonBlocking(_logger.TakeStdout()), splice: false));
        else
            _outputs.Add(new Relay(_loop, master, OpenOutput(_paths.Stdout), splice: false));
        if (_paths.Stdin.Length > 0)
        {
            (SafeFileHandle read, _inputKeep) = FifoEnds.OpenInput(_paths.Stdin);
            _input = new Relay(_loop, read, Sys.Duplicate(_console), splice: false);
        }
    }

    /// <summary>Sets the terminal's size; nothing happens without one.</summary>
    public void Resize(ushort columns, ushort rows)
    {
        if (_console is not null)
            Sys.SetWindowSize(_console, columns, rows);
    }

    /// <summary>Lets the end of the client's input come through to the process.</summary>
    public void CloseInput() => Interlocked.Exchange(ref _inputKeep, null)?.Dispose();

    /// <summary>Waits until all output has gone to the client's side; false where it has not within <paramref name="timeout"/>, as when a process left behind holds the other end.</summary>
    public async Task<bool> DrainAsync(TimeSpan timeout)
    {
        Task all = Task.WhenAll(_outputs.ConvertAll(r => r.Completed));
        return await Task.WhenAny(all, Task.Delay(timeout)).ConfigureAwait(false) == all;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _consoleSocket?.Dispose();
        _input?.Stop();
        foreach (Relay relay in _outputs)
            relay.Stop();
        CloseInput();
        foreach (SafeHandle handle in _childEnds)
            handle.Dispose();
        foreach ((SafeFileHandle ours, _) in _outputPipes)
            ours.Dispose();
        _inputPipe?.Dispose();
        foreach (SafeHandle handle in _keep)
            handle.Dispose();
        _console?.Dispose();
        _logger?.Dispose();
    }

    private void OpenPipes(uint uid, uint gid)
    {
        SafeFileHandle input, output, error;
        if (_paths.Stdin.Length > 0)
        {
            (input, _inputPipe) = NewPipe(readerIsChild: true, uid, gid);
        }
        else
        {
            input = Null(FileAccess.Read);
        }
        if (_logger is not null)
        {
            output = _logger.TakeStdout();
            error = _logger.TakeStderr();
            _childEnds.Add(output);
            _childEnds.Add(error);
        }
        else
        {
            output = OutputPipe(_paths.Stdout, uid, gid);
            error = OutputPipe(_paths.Scheme == "file" ? _paths.Stdout : _paths.Stderr, uid, gid);
        }
        Inherited = new RuncStdio(input, output, error);
    }

    private SafeFileHandle OutputPipe(string path, uint uid, uint gid)
    {
        if (path.Length == 0)
            return Null(FileAccess.Write);
        (SafeFileHandle child, SafeFileHandle ours) = NewPipe(readerIsChild: false, uid, gid);
        _outputPipes.Add((ours, path));
        return child;
    }

    private void StartPipes()
    {
        while (_outputPipes.Count > 0)
        {
            (SafeFileHandle ours, string path) = _outputPipes[0];
            // A file that is appended to can't be spliced into.
            _outputs.Add(new Relay(_loop, ours, OpenOutput(path), splice: _paths.Scheme != "file"));
            _outputPipes.RemoveAt(0);
        }
        if (_inputPipe is not null)
        {
            (SafeFileHandle read, _inputKeep) = FifoEnds.OpenInput(_paths.Stdin);
            _input = new Relay(_loop, read, _inputPipe, splice: true);
            _inputPipe = null;
        }
    }

    private static SafeFileHandle NonBlocking(SafeFileHandle handle)
    {
        Sys.SetNonBlocking(handle);
        return handle;
    }

    // The writing end of a FIFO; or the end of a file, which is never waited for.
    private SafeFileHandle OpenOutput(string uri)
    {
        if (uri.Length == 0)
            return File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write);
        string path = StdioPaths.PathOf(uri);
        if (_paths.Scheme == "file")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            return Sys.Open(path, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Append, Convert.ToUInt32("644", 8));
        }
        (SafeFileHandle write, SafeFileHandle keep) = FifoEnds.OpenOutput(path);
        _keep.Add(keep);
        return write;
    }

    private (SafeFileHandle Child, SafeFileHandle Ours) NewPipe(bool readerIsChild, uint uid, uint gid)
    {
        (SafeFileHandle read, SafeFileHandle write) = Sys.Pipe();
        (SafeFileHandle child, SafeFileHandle ours) = readerIsChild ? (read, write) : (write, read);
        _childEnds.Add(child);
        Sys.SetNonBlocking(ours);
        // A process of a user namespace may want to open its /proc/self/fd/1 again.
        if ((uid, gid) != (0u, 0u) && Sys.TryFchown(child, uid, gid) is var errno and not Errno.None)
        {
            ours.Dispose();
            throw new LinuxException("fchown", "pipe", errno);
        }
        return (child, ours);
    }

    private SafeFileHandle Null(FileAccess access)
    {
        SafeFileHandle handle = File.OpenHandle("/dev/null", FileMode.Open, access);
        _childEnds.Add(handle);
        return handle;
    }
}
