namespace AotRuntime.Rpc;

/// <summary>Runs a handler and turns whatever comes of it into a status.</summary>
internal static class RpcOutcome
{
    public static async ValueTask<(RpcStatus Status, string Message)> OfAsync(RpcHandler handler, RpcServerCall call, RpcContext context)
    {
        try
        {
            await handler.InvokeAsync(call, context).ConfigureAwait(false);
            return (RpcStatus.OK, "");
        }
        catch (RpcException e)
        {
            return (e.Status, e.Message);
        }
        catch (OperationCanceledException)
        {
            return context.Deadline is { } deadline && deadline <= DateTimeOffset.UtcNow
                ? (RpcStatus.DeadlineExceeded, "context deadline exceeded")
                : (RpcStatus.Cancelled, "context canceled");
        }
        catch (Exception e)
        {
            // As grpc-go does with an error that carries no status: a handler's mistake must not take the server down.
            return (RpcStatus.Unknown, e.Message);
        }
    }
}
