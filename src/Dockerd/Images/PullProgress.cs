using System.Threading.Channels;
using AotRuntime.EngineApi;
using AotRuntime.Images;

namespace AotRuntime.Dockerd.Images;

/// <summary>
/// The messages of a pull, in Docker's form and in one order. Layers report from many threads; one writer sends, and what a slow client has not
/// seen of a download's steps is replaced by later steps.
/// </summary>
internal sealed class PullProgress : IAsyncDisposable
{
    private const int StepMilliseconds = 100;
    private const int MaxWaitingSteps = 64;
    private readonly Channel<JsonMessage> _queue = Channel.CreateUnbounded<JsonMessage>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _writer;
    private int _waiting;
    private volatile bool _broken;

    public PullProgress(Func<JsonMessage, ValueTask> sink) => _writer = WriteAsync(sink);

    /// <summary>A line without a layer, <c>Digest: …</c>.</summary>
    public void Line(string status, string? id = null) => Send(new JsonMessage { Status = status, Id = id });

    /// <summary>A layer's change of state.</summary>
    public void State(Descriptor layer, string status) => Send(new JsonMessage { Status = status, ProgressDetail = new JsonProgress(), Id = layer.Digest.Short });

    /// <summary>Counts a layer's bytes under a status.</summary>
    public Counter Count(Descriptor layer, string status) => new(this, layer, status);

    /// <summary>Sends all and ends; an error of the sink (the client went away) is thrown here.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writer.ConfigureAwait(false);
    }

    private void Send(JsonMessage message)
    {
        if (_broken)
            return;
        Interlocked.Increment(ref _waiting);
        if (!_queue.Writer.TryWrite(message))
            Interlocked.Decrement(ref _waiting);
    }

    private async Task WriteAsync(Func<JsonMessage, ValueTask> sink)
    {
        try
        {
            await foreach (JsonMessage message in _queue.Reader.ReadAllAsync().ConfigureAwait(false))
            {
                Interlocked.Decrement(ref _waiting);
                await sink(message).ConfigureAwait(false);
            }
        }
        catch
        {
            // The pull learns of it by its cancellation; until then nothing more is queued.
            _broken = true;
            throw;
        }
    }

    /// <summary>How far a layer is, reported at most ten times a second. Thread-safe for one counting thread at a time.</summary>
    internal sealed class Counter(PullProgress progress, Descriptor layer, string status)
    {
        private long _nextReport = Environment.TickCount64;
        private long _current;

        /// <summary>Adds bytes.</summary>
        public void Add(long bytes) => Set(_current + bytes);

        /// <summary>Sets the bytes so far.</summary>
        public void Set(long current)
        {
            _current = current;
            long now = Environment.TickCount64;
            if (now < _nextReport || progress._waiting > MaxWaitingSteps)
                return;
            _nextReport = now + StepMilliseconds;
            Report();
        }

        /// <summary>Reports the end, whenever the last report was.</summary>
        public void Finish(long current)
        {
            _current = current;
            Report();
        }

        private void Report() => progress.Send(new JsonMessage
        {
            Status = status,
            ProgressDetail = new JsonProgress { Current = _current, Total = layer.Size },
            Progress = ProgressBar.Draw(_current, layer.Size),
            Id = layer.Digest.Short,
        });
    }
}
