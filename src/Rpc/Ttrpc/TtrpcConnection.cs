using System.Buffers;
using System.IO.Pipelines;
using AotRuntime.Http;

namespace AotRuntime.Rpc.Ttrpc;

/// <summary>What both ends of a ttrpc connection do: take frames apart, and put frames out whole and in order.</summary>
/// <remarks>
/// Frames may be sent by any thread. The thread that finds nobody sending becomes the sender and goes on until the queue is empty, so that
/// a lone call costs no change of thread while many calls share flushes.
/// </remarks>
internal abstract class TtrpcConnection(TransportConnection transport, TtrpcOptions options)
{
    /// <summary>How much may wait to be sent before senders wait, too.</summary>
    private const long MaxQueuedBytes = 1 << 20;

    private const long MaxBatchBytes = 64 * 1024;

    private readonly Lock _gate = new();
    private readonly Queue<byte[]> _outgoing = new(); // guarded by _gate
    private long _outgoingBytes;                      // guarded by _gate
    private TaskCompletionSource? _room;              // guarded by _gate; whom a full queue keeps waiting
    private bool _sending;                            // guarded by _gate
    private bool _broken;                             // guarded by _gate
    private long _toSkip;                             // read loop only: what is left of a frame beyond the limit

    protected TransportConnection Transport { get; } = transport;

    protected TtrpcOptions Options { get; } = options;

    /// <summary>
    /// Sends a whole frame. It returns once the frame is handed to the transport, or queued for a thread that is sending already; where the
    /// queue is full, once there is room again.
    /// </summary>
    /// <exception cref="IOException">The connection is gone.</exception>
    protected ValueTask SendAsync(byte[] frame)
    {
        lock (_gate)
        {
            if (_broken)
                throw new IOException("ttrpc: closed");
            _outgoing.Enqueue(frame);
            _outgoingBytes += frame.Length;
            if (_sending)
            {
                return _outgoingBytes <= MaxQueuedBytes
                    ? ValueTask.CompletedTask
                    : new((_room ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task);
            }
            _sending = true;
        }
        return SendQueueAsync();
    }

    private async ValueTask SendQueueAsync()
    {
        PipeWriter output = Transport.Output;
        try
        {
            while (TakeBatch(output))
            {
                FlushResult result = await output.FlushAsync().ConfigureAwait(false);
                if (result.IsCompleted || result.IsCanceled)
                    throw new IOException("ttrpc: closed");
            }
        }
        catch
        {
            TaskCompletionSource? room;
            lock (_gate)
            {
                _broken = true;
                _outgoing.Clear();
                room = _room;
            }
            room?.TrySetException(new IOException("ttrpc: closed"));
            Transport.Abort(); // so that the read loop ends, and with it the calls that wait for answers
            throw;
        }
    }

    /// <summary>Writes the next frames; false, and nobody is sending any more, where there are none.</summary>
    private bool TakeBatch(PipeWriter output)
    {
        TaskCompletionSource? room;
        lock (_gate)
        {
            if (_outgoing.Count == 0)
            {
                _sending = false;
                return false;
            }
            for (long batch = 0; batch < MaxBatchBytes && _outgoing.TryDequeue(out byte[]? frame); batch += frame.Length)
            {
                output.Write(frame);
                _outgoingBytes -= frame.Length;
            }
            room = _room;
            if (_outgoingBytes > MaxQueuedBytes)
                room = null;
            else
                _room = null;
        }
        room?.TrySetResult();
        return true;
    }

    /// <summary>Reads frames until the peer closes. A stream cut off within a frame is an error like any other: the connection ends.</summary>
    protected async Task ReadFramesAsync(CancellationToken cancellationToken)
    {
        PipeReader input = Transport.Input;
        while (true)
        {
            ReadResult result = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = result.Buffer;
            while (true)
            {
                if (_toSkip > 0)
                {
                    long skipped = Math.Min(_toSkip, buffer.Length);
                    buffer = buffer.Slice(skipped);
                    _toSkip -= skipped;
                    if (_toSkip > 0)
                        break;
                }
                if (!TtrpcFrame.TryRead(buffer, out TtrpcFrame frame))
                    break;
                if (frame.Length > (uint)Options.MaxMessageBytes)
                {
                    buffer = buffer.Slice(TtrpcFrame.HeaderBytes);
                    _toSkip = frame.Length;
                    await OnOversizedAsync(frame).ConfigureAwait(false);
                    continue;
                }
                if (buffer.Length < TtrpcFrame.HeaderBytes + frame.Length)
                    break;
                await OnFrameAsync(frame, buffer.Slice(TtrpcFrame.HeaderBytes, frame.Length)).ConfigureAwait(false);
                buffer = buffer.Slice(TtrpcFrame.HeaderBytes + frame.Length);
            }
            input.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted || result.IsCanceled)
                return;
        }
    }

    /// <summary>A frame; <paramref name="body"/> is valid until the task ends.</summary>
    protected abstract ValueTask OnFrameAsync(TtrpcFrame frame, ReadOnlySequence<byte> body);

    /// <summary>A frame whose body is being passed over.</summary>
    protected abstract ValueTask OnOversizedAsync(TtrpcFrame frame);
}
