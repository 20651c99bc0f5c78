using System.Buffers;
using System.Text;
using AotRuntime.EngineApi;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Streams;

/// <summary>
/// The three FIFOs between a shim and this daemon for one process. The shim keeps both ends open too, so a restart of the daemon loses
/// nothing: what is written meanwhile waits in the pipe.
/// </summary>
internal sealed class ProcessIo : IAsyncDisposable
{
    private const int BufferBytes = 32 * 1024;
    private const uint FifoMode = 0x1000 | 0x180; // S_IFIFO | 0600

    private readonly string _folder;
    private readonly PolledFile? _stdin;
    private readonly List<PolledFile> _outputs = [];
    private readonly Task _pumps;
    private int _stdinClosed;

    /// <summary>Makes the FIFOs (those that exist are taken as they are) and begins to read.</summary>
    /// <param name="folder">Their folder, made where it is missing.</param>
    /// <param name="name">Beginning of their names: <c>init</c>, or an exec's id.</param>
    /// <param name="stdin">Whether the process has input.</param>
    /// <param name="terminal">Whether output and errors come together.</param>
    /// <param name="sink">Gets what the process writes, one piece of one stream at a time each.</param>
    public ProcessIo(string folder, string name, bool stdin, bool terminal, Func<StdStream, ReadOnlyMemory<byte>, ValueTask> sink)
    {
        _folder = folder;
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            StdoutPath = Make(folder, $"{name}-stdout");
            StderrPath = terminal ? "" : Make(folder, $"{name}-stderr");
            StdinPath = stdin ? Make(folder, $"{name}-stdin") : "";
            if (stdin)
            {
                // Read-write never fails with ENXIO before the shim has opened its end (man 7 fifo), and never reads.
                _stdin = ReadyPoller.Shared.Add(Sys.Open(StdinPath, OpenFlags.ReadWrite | OpenFlags.NonBlock));
            }
            List<Task> pumps = [];
            pumps.Add(PumpAsync(Open(StdoutPath), StdStream.Stdout, sink));
            if (!terminal)
                pumps.Add(PumpAsync(Open(StderrPath), StdStream.Stderr, sink));
            _pumps = Task.WhenAll(pumps);
        }
        catch
        {
            _stdin?.Dispose();
            foreach (PolledFile output in _outputs)
                output.Dispose();
            throw;
        }
    }

    /// <summary>Path of the input's FIFO; empty where there is none.</summary>
    public string StdinPath { get; }

    /// <summary>Path of the output's FIFO.</summary>
    public string StdoutPath { get; }

    /// <summary>Path of the errors' FIFO; empty with a terminal.</summary>
    public string StderrPath { get; }

    /// <summary>Told when input ends, to make the shim close its end too.</summary>
    public Func<ValueTask>? CloseStdinAtShim { get; set; }

    /// <summary>Writes input; false where the process takes no more.</summary>
    public ValueTask<bool> WriteStdinAsync(ReadOnlyMemory<byte> data) => _stdin is null ? new(false) : _stdin.WriteAsync(data);

    /// <summary>Ends the input.</summary>
    public async ValueTask CloseStdinAsync()
    {
        if (_stdin is null || Interlocked.Exchange(ref _stdinClosed, 1) != 0)
            return;
        _stdin.Dispose();
        if (CloseStdinAtShim is { } close)
            await close().ConfigureAwait(false);
    }

    /// <summary>Waits until all output was read, at most <paramref name="limit"/>: a grandchild may hold the pipe open for ever.</summary>
    public async Task DrainAsync(TimeSpan limit)
    {
        try
        {
            await _pumps.WaitAsync(limit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return;
        }
    }

    /// <summary>Closes and removes the FIFOs.</summary>
    public async ValueTask DisposeAsync()
    {
        Interlocked.Exchange(ref _stdinClosed, 1);
        _stdin?.Dispose();
        foreach (PolledFile output in _outputs)
            output.Dispose();
        await _pumps.ConfigureAwait(false);
        foreach (string path in (ReadOnlySpan<string>)[StdinPath, StdoutPath, StderrPath])
        {
            if (path.Length > 0)
                File.Delete(path);
        }
        try
        {
            // Other processes of the container may still have theirs in it.
            if (!Directory.EnumerateFileSystemEntries(_folder).Any())
                Directory.Delete(_folder);
        }
        catch (IOException)
        {
            return;
        }
    }

    private static string Make(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(path) + 1];
        Encoding.UTF8.GetBytes(path, bytes);
        using SafeFileHandle root = Sys.Open("/", OpenFlags.Path | OpenFlags.Directory);
        Errno errno = Sys.TryMknodAt(root, bytes, FifoMode, 0);
        if (errno is not (Errno.None or Errno.EEXIST))
            throw new LinuxException("mkfifo", path, errno);
        return path;
    }

    private PolledFile Open(string path)
    {
        PolledFile file = ReadyPoller.Shared.Add(Sys.Open(path, OpenFlags.ReadOnly | OpenFlags.NonBlock));
        _outputs.Add(file);
        return file;
    }

    private static async Task PumpAsync(PolledFile file, StdStream stream, Func<StdStream, ReadOnlyMemory<byte>, ValueTask> sink)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            int count;
            while ((count = await file.ReadAsync(buffer).ConfigureAwait(false)) > 0)
                await sink(stream, buffer.AsMemory(0, count)).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
