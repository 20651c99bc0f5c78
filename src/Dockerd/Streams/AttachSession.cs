using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Streams;

/// <summary>What an attached client wants.</summary>
internal sealed record AttachOptions
{
    /// <summary>Send the container's input.</summary>
    public bool Stdin { get; init; }

    /// <summary>Get its output.</summary>
    public bool Stdout { get; init; }

    /// <summary>Get its errors.</summary>
    public bool Stderr { get; init; }

    /// <summary>Raw bytes (a terminal), else frames.</summary>
    public bool Terminal { get; init; }

    /// <summary>Whether the container's input ends when the client's does.</summary>
    public bool CloseStdin { get; init; }

    /// <summary>Keys that detach; empty for none.</summary>
    public byte[] DetachKeys { get; init; } = [];
}

/// <summary>How an attachment ended.</summary>
internal enum AttachEnd
{
    /// <summary>The process ended, or the client went away.</summary>
    Closed,
    /// <summary>The client typed the detach keys.</summary>
    Detached,
}

/// <summary>Joins one client's connection to a process.</summary>
internal static class AttachSession
{
    /// <summary>Subscribes at once (before the returned task first waits), so that a process started afterwards is seen from its first byte.</summary>
    public static async Task<AttachEnd> RunAsync(IDuplexPipe client, StreamHub hub, AttachOptions options, CancellationToken aborted)
    {
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        ClientSink sink = new(client.Output, options);
        Task output = hub.SubscribeAsync(sink, ending.Token);
        Task<AttachEnd> input = options.Stdin ? CopyInputAsync(client.Input, hub, options, ending.Token) : Task.FromResult(AttachEnd.Closed);

        Task first = await Task.WhenAny(output, input).ConfigureAwait(false);
        if (first == input && await input.ConfigureAwait(false) == AttachEnd.Detached)
        {
            await ending.CancelAsync().ConfigureAwait(false);
            await output.ConfigureAwait(false);
            return AttachEnd.Detached;
        }
        // Input that ended is no reason to stop listening, but for a client that listens to nothing.
        if (first == input && !options.Stdout && !options.Stderr && options.Stdin)
            await ending.CancelAsync().ConfigureAwait(false);
        if (!output.IsCompleted && options.Stdin)
        {
            Task next = await Task.WhenAny(output, WhenDetachedAsync(input)).ConfigureAwait(false);
            if (next != output)
            {
                await ending.CancelAsync().ConfigureAwait(false);
                await output.ConfigureAwait(false);
                return AttachEnd.Detached;
            }
        }
        await output.ConfigureAwait(false);
        await ending.CancelAsync().ConfigureAwait(false);
        await input.ConfigureAwait(false);
        return AttachEnd.Closed;
    }

    private static async Task WhenDetachedAsync(Task<AttachEnd> input)
    {
        if (await input.ConfigureAwait(false) != AttachEnd.Detached)
            await Task.Delay(Timeout.Infinite, CancellationToken.None).ConfigureAwait(false);
    }

    private static async Task<AttachEnd> CopyInputAsync(PipeReader input, StreamHub hub, AttachOptions options, CancellationToken cancellationToken)
    {
        try
        {
            ProcessIo io = await hub.Run.WaitAsync(cancellationToken).ConfigureAwait(false);
            DetachScanner? scanner = options.Terminal && options.DetachKeys.Length > 0 ? new DetachScanner(options.DetachKeys) : null;
            ArrayBufferWriter<byte> passed = new();
            while (true)
            {
                ReadResult result = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
                bool detached = false;
                foreach (ReadOnlyMemory<byte> piece in result.Buffer)
                {
                    ReadOnlyMemory<byte> data = piece;
                    if (scanner is not null)
                    {
                        passed.ResetWrittenCount();
                        detached = scanner.Scan(piece.Span, passed);
                        data = passed.WrittenMemory;
                    }
                    // A process that reads no more is no error of the client's: the rest is dropped.
                    await io.WriteStdinAsync(data).ConfigureAwait(false);
                    if (detached)
                        break;
                }
                input.AdvanceTo(result.Buffer.End);
                if (detached)
                    return AttachEnd.Detached;
                if (result.IsCompleted || result.IsCanceled)
                    break;
            }
            if (options.CloseStdin)
                await io.CloseStdinAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            return AttachEnd.Closed;
        }
        return AttachEnd.Closed;
    }

    private sealed class ClientSink(PipeWriter output, AttachOptions options) : IOutputSink
    {
        public async ValueTask<bool> WriteAsync(StdStream stream, ReadOnlyMemory<byte> piece)
        {
            if (stream == StdStream.Stdout ? !options.Stdout : !options.Stderr)
                return true;
            try
            {
                if (options.Terminal)
                    output.Write(piece.Span);
                else
                    StdCopy.Write(output, stream, piece.Span);
                FlushResult result = await output.FlushAsync().ConfigureAwait(false);
                return !result.IsCompleted;
            }
            catch (Exception e) when (e is IOException or InvalidOperationException or OperationCanceledException)
            {
                return false;
            }
        }
    }
}
