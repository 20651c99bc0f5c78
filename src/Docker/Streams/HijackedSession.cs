using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Terminals;
using AotRuntime.Http;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Docker.Streams;

/// <summary>How a session ended.</summary>
public enum SessionEnd
{
    /// <summary>The container's side ended.</summary>
    Finished,

    /// <summary>The user typed the keys that detach.</summary>
    Detached,
}

/// <summary>This process's standard streams on one side, a container's on the other: attach and exec.</summary>
public sealed class HijackedSession(CliContext context, TransportConnection connection)
{
    private const int InputBlock = 32 * 1024;
    private readonly TaskCompletionSource<SessionEnd> _input = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private RawMode? _raw;

    /// <summary>Whether this process's input goes to the container.</summary>
    public bool Stdin { get; init; }

    /// <summary>Whether the container's output is shown.</summary>
    public bool Stdout { get; init; }

    /// <summary>Whether the container's errors are shown.</summary>
    public bool Stderr { get; init; }

    /// <summary>Whether the container has a terminal: its output comes unframed, and this terminal becomes raw.</summary>
    public bool Tty { get; init; }

    /// <summary>Keys that detach; empty for the usual ones.</summary>
    public string DetachKeys { get; init; } = "";

    /// <summary>Copies until the output ends, or all input was sent where there is no output, or the user detached.</summary>
    public async Task<SessionEnd> RunAsync()
    {
        DetachKeys? keys = null;
        if (Stdin && Tty)
        {
            keys = Keys();
            _raw = RawMode.Enter();
        }
        try
        {
            Task output = Stdout || Stderr ? CopyOutputAsync() : Task.CompletedTask;
            if (Stdin)
                new Thread(() => CopyInput(keys)) { IsBackground = true, Name = "stdin" }.Start();
            else
                await EndInputAsync().ConfigureAwait(false);

            if (Stdout || Stderr)
            {
                Task first = await Task.WhenAny(output, _input.Task).ConfigureAwait(false);
                if (first == _input.Task && await _input.Task.ConfigureAwait(false) == SessionEnd.Detached)
                    return SessionEnd.Detached;
                await output.ConfigureAwait(false);
                return SessionEnd.Finished;
            }
            return await _input.Task.ConfigureAwait(false);
        }
        finally
        {
            // The next thing printed is in normal type.
            _raw?.Dispose();
        }
    }

    private DetachKeys Keys()
    {
        try
        {
            return Terminals.DetachKeys.Of(DetachKeys);
        }
        catch (CommandException e)
        {
            context.Log("warning", $"invalid detach escape keys, using default: {e.Message}");
            return Terminals.DetachKeys.Of("");
        }
    }

    private async Task CopyOutputAsync()
    {
        StreamDemultiplexer? frames = Tty ? null : new StreamDemultiplexer(
            bytes => { if (Stdout) context.Out.Write(bytes); },
            bytes => { if (Stderr) context.Error.Write(bytes); });
        await PumpAsync(connection.Input, frames, context.Out).ConfigureAwait(false);
        _raw?.Dispose();
    }

    /// <summary>Copies all of <paramref name="source"/> to the standard streams.</summary>
    public static async Task PumpAsync(PipeReader source, StreamDemultiplexer? frames, TextOutput plain)
    {
        while (true)
        {
            ReadResult result;
            try
            {
                result = await source.ReadAsync().ConfigureAwait(false);
            }
            catch (LinuxException e) when (e.Errno is Errno.ECONNRESET or Errno.EPIPE)
            {
                // The daemon dropped the connection: the end of the output; the exit code is asked for elsewhere.
                return;
            }
            if (frames is not null)
            {
                frames.Feed(result.Buffer);
            }
            else
            {
                foreach (ReadOnlyMemory<byte> segment in result.Buffer)
                    plain.Write(segment.Span);
            }
            source.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
                return;
        }
    }

    // On a thread of its own, since reading a terminal or pipe blocks; it dies with the process.
    private void CopyInput(DetachKeys? keys)
    {
        using SafeFileHandle input = new(0, ownsHandle: false);
        byte[] block = new byte[InputBlock];
        List<byte> allowed = [];
        try
        {
            while (true)
            {
                int length = Sys.Read(input, block, "stdin");
                if (length == 0)
                    break;
                ReadOnlyMemory<byte> typed = block.AsMemory(0, length);
                if (keys is not null)
                {
                    allowed.Clear();
                    if (keys.Filter(typed.Span, allowed))
                    {
                        Send(allowed.ToArray());
                        _raw?.Dispose();
                        _input.TrySetResult(SessionEnd.Detached);
                        return;
                    }
                    typed = allowed.ToArray();
                }
                if (!Send(typed))
                    break;
            }
        }
        catch (IOException e)
        {
            // Lost input or a lost connection: the output's side ends too, and reports.
            context.Debug($"Error sendStdin: {e.Message}");
        }
        EndInputAsync().GetAwaiter().GetResult();
    }

    private bool Send(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.IsEmpty)
            return true;
        return !connection.Output.WriteAsync(bytes).AsTask().GetAwaiter().GetResult().IsCompleted;
    }

    // Half-closes: the container sees the end of its input, and can still write.
    private async Task EndInputAsync()
    {
        try
        {
            await connection.Output.CompleteAsync().ConfigureAwait(false);
        }
        catch (IOException e)
        {
            context.Debug($"Couldn't send EOF: {e.Message}");
        }
        _input.TrySetResult(SessionEnd.Finished);
    }
}
