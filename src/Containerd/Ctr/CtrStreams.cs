using System.Runtime.InteropServices;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd.Ctr;

/// <summary>A process's standard streams as FIFOs, and what moves between them and this process's own.</summary>
internal sealed class CtrStreams : IDisposable
{
    private readonly string? _folder;
    private readonly bool _terminal;
    private readonly List<Task> _outputs = [];
    private TerminalAttributes? _before;

    private CtrStreams(string? folder, string id, bool terminal)
    {
        _folder = folder;
        _terminal = terminal;
        if (folder is null)
            return;
        Stdin = Make($"{id}-stdin");
        Stdout = Make($"{id}-stdout");
        // A terminal has one stream for both.
        Stderr = terminal ? "" : Make($"{id}-stderr");
    }

    /// <summary>The FIFO's path; empty for none.</summary>
    public string Stdin { get; } = "";

    /// <inheritdoc cref="Stdin"/>
    public string Stdout { get; } = "";

    /// <inheritdoc cref="Stdin"/>
    public string Stderr { get; } = "";

    /// <summary>No streams.</summary>
    public static CtrStreams None() => new(null, "", false);

    /// <summary>Makes FIFOs in a folder of their own.</summary>
    public static CtrStreams Open(string id, bool terminal) =>
        new(Directory.CreateTempSubdirectory("ctr-fifo").FullName, id, terminal);

    /// <summary>Starts to relay output. A shim's creation of a task may wait for the readers, so this comes before it.</summary>
    public void StartOutput()
    {
        if (_folder is null || _outputs.Count > 0)
            return;
        _outputs.Add(Output(Stdout, Console.OpenStandardOutput()));
        if (Stderr.Length > 0)
            _outputs.Add(Output(Stderr, Console.OpenStandardError()));
    }

    /// <summary>Starts to relay input, and output if that is not done. <paramref name="closeInput"/> is called at the end of this process's input.</summary>
    public void Start(Func<Task> closeInput)
    {
        if (_folder is null)
            return;
        if (_terminal && Sys.TryGetTerminalAttributes(0, out TerminalAttributes attributes))
        {
            _before = attributes;
            Sys.SetTerminalAttributes(0, attributes.Raw());
        }
        StartOutput();
        // A thread that may block in read(2) for ever; it must not keep the program alive.
        new Thread(() => Input(closeInput)) { IsBackground = true }.Start();
    }

    /// <summary>Tells the terminal's size, now and whenever it changes.</summary>
    public IDisposable OnResize(Func<uint, uint, Task> resize)
    {
        if (!_terminal)
            return new MemoryStream();
        void Tell()
        {
            using var stdin = new SafeFileHandle(0, ownsHandle: false);
            if (Sys.TryGetWindowSize(stdin, out WindowSize size))
                _ = resize(size.Columns, size.Rows);
        }
        Tell();
        return PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => Tell());
    }

    /// <summary>Waits until all output has arrived.</summary>
    public Task DrainAsync() => Task.WhenAll(_outputs);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_before is { } before)
            Sys.SetTerminalAttributes(0, before);
        if (_folder is not null)
            Directory.Delete(_folder, recursive: true);
    }

    private string Make(string name)
    {
        string path = Path.Combine(_folder!, name);
        Sys.MkFifo(path, Convert.ToUInt32("700", 8));
        return path;
    }

    private static Task Output(string path, Stream to) => Task.Factory.StartNew(
        () =>
        {
            // Opens when the shim has the other end, and ends when it has let go.
            using SafeFileHandle from = Sys.Open(path, OpenFlags.ReadOnly);
            byte[] buffer = new byte[32 * 1024];
            int count;
            while ((count = Sys.TryRead(from, buffer, out _)) > 0)
            {
                to.Write(buffer, 0, count);
                to.Flush();
            }
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Input(Func<Task> closeInput)
    {
        using SafeFileHandle to = Sys.Open(Stdin, OpenFlags.WriteOnly);
        using Stream from = Console.OpenStandardInput();
        byte[] buffer = new byte[32 * 1024];
        try
        {
            int count;
            while ((count = from.Read(buffer)) > 0)
                Sys.WriteAll(to, buffer.AsSpan(0, count), Stdin);
        }
        catch (IOException)
        {
            // The process no longer reads.
            return;
        }
        _ = closeInput();
    }
}
