using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Streams;

/// <summary>Takes a process's output for somebody. Called by one stream at a time.</summary>
internal interface IOutputSink
{
    /// <summary>Takes a piece; false once it wants no more.</summary>
    ValueTask<bool> WriteAsync(StdStream stream, ReadOnlyMemory<byte> piece);
}

/// <summary>
/// Where the output of a container meets the clients that are attached to it. It outlives single runs: a client attaches before the
/// start. A client that reads slowly slows the container down, as Docker's does; one that is gone is dropped.
/// </summary>
internal sealed class StreamHub
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly List<Subscriber> _subscribers = [];
    private TaskCompletionSource<ProcessIo> _run = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The streams of the current run, or of the next one.</summary>
    public Task<ProcessIo> Run
    {
        get
        {
            lock (_lock)
                return _run.Task;
        }
    }

    /// <summary>Attaches; the task ends with the run, or once the sink wants no more.</summary>
    public Task SubscribeAsync(IOutputSink sink, CancellationToken cancellationToken)
    {
        Subscriber subscriber = new(sink);
        lock (_lock)
            _subscribers.Add(subscriber);
        CancellationTokenRegistration registration = cancellationToken.Register(() => Remove(subscriber));
        return WaitAsync(subscriber, registration);

        static async Task WaitAsync(Subscriber subscriber, CancellationTokenRegistration registration)
        {
            await using (registration.ConfigureAwait(false))
                await subscriber.Ended.Task.ConfigureAwait(false);
        }
    }

    /// <summary>Gives one piece to all who are attached.</summary>
    public async ValueTask PublishAsync(StdStream stream, ReadOnlyMemory<byte> piece)
    {
        Subscriber[] subscribers;
        lock (_lock)
        {
            if (_subscribers.Count == 0)
                return;
            subscribers = [.. _subscribers];
        }
        await _writing.WaitAsync().ConfigureAwait(false);
        try
        {
            foreach (Subscriber subscriber in subscribers)
            {
                if (!await subscriber.Sink.WriteAsync(stream, piece).ConfigureAwait(false))
                    Remove(subscriber);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>A run has begun: those who wait with input may send it.</summary>
    public void Begin(ProcessIo io)
    {
        TaskCompletionSource<ProcessIo> run;
        lock (_lock)
        {
            if (_run.Task.IsCompleted)
                _run = new TaskCompletionSource<ProcessIo>(TaskCreationOptions.RunContinuationsAsynchronously);
            run = _run;
        }
        run.TrySetResult(io);
    }

    /// <summary>The run is over and its output is complete: everybody who is attached is let go.</summary>
    public void End()
    {
        Subscriber[] subscribers;
        TaskCompletionSource<ProcessIo> run;
        lock (_lock)
        {
            subscribers = [.. _subscribers];
            _subscribers.Clear();
            run = _run;
            _run = new TaskCompletionSource<ProcessIo>(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        run.TrySetCanceled();
        foreach (Subscriber subscriber in subscribers)
            subscriber.Ended.TrySetResult();
    }

    private void Remove(Subscriber subscriber)
    {
        lock (_lock)
            _subscribers.Remove(subscriber);
        subscriber.Ended.TrySetResult();
    }

    private sealed record Subscriber(IOutputSink Sink)
    {
        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
