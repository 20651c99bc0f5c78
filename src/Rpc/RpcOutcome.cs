namespace AotRuntime.Rpc;

/// <summary>Runs a handler and turns whatever comes of it into a status: null is OK.</summary>
internal static class RpcOutcome
{
    public static async ValueTask<RpcException?> OfAsync(RpcHandler handler, RpcServerCall call, RpcContext context)
    {
        try
        {
            await handler.InvokeAsync(call, context).ConfigureAwait(false);
            return null;
        }
        catch (RpcException e)
        {
            return e;
        }
        catch (OperationCanceledException)
        {
            // By who cancelled, not by the clock: timers may be early by a hair.
            return context.Deadline is not null && context.Cancelled.IsCancellationRequested && !context.ClientGone.IsCancellationRequested
                ? CallDeadline.Exceeded()
                : new RpcException(RpcStatus.Cancelled, "context canceled");
        }
        catch (Exception e)
        {
            // As grpc-go does with an error that carries no status: a handler's mistake must not take the server down.
            return new RpcException(RpcStatus.Unknown, e.Message);
        }
    }
}
