namespace AotRuntime.Rpc;

/// <summary>A call's patience: the caller's token, and a timeout that can be told apart from it.</summary>
internal sealed class CallDeadline : IDisposable
{
    private readonly CancellationTokenSource? _source;
    private readonly CancellationToken _callers;

    public CallDeadline(TimeSpan? timeout, CancellationToken cancellationToken)
    {
        _callers = cancellationToken;
        Token = cancellationToken;
        if (timeout is not { } patience)
            return;
        _source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _source.CancelAfter(patience > TimeSpan.Zero ? patience : TimeSpan.Zero);
        Token = _source.Token;
    }

    public CancellationToken Token { get; }

    /// <summary>Whether the time is up, rather than the caller having cancelled.</summary>
    public bool Passed => _source is { IsCancellationRequested: true } && !_callers.IsCancellationRequested;

    public static RpcException Exceeded() => new(RpcStatus.DeadlineExceeded, "context deadline exceeded");

    public void Dispose() => _source?.Dispose();
}
