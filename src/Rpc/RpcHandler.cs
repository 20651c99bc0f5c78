using Google.Protobuf;

namespace AotRuntime.Rpc;

/// <summary>The server's side of one call, as a transport carries it.</summary>
internal abstract class RpcServerCall
{
    /// <summary>The next request message, or null at the end of the client's stream.</summary>
    public abstract ValueTask<IMessage?> ReadAsync(MessageParser parser, CancellationToken cancellationToken);

    /// <summary>Sends one response message.</summary>
    public abstract ValueTask WriteAsync(IMessage message, CancellationToken cancellationToken);

    /// <summary>Sends the only response message; the call's status follows at once.</summary>
    public virtual ValueTask WriteLastAsync(IMessage message, CancellationToken cancellationToken) => WriteAsync(message, cancellationToken);
}

/// <summary>A method's handler with its message types behind it, so that transports need not be generic.</summary>
internal abstract class RpcHandler
{
    /// <summary>Whether one response, and only one, answers the call.</summary>
    public virtual bool IsUnary => false;

    /// <summary>Whether it never blocks its thread.</summary>
    public bool IsQuick { get; init; }

    /// <summary>Whether the client sends more than one message.</summary>
    public virtual bool StreamsRequests => false;

    /// <summary>Reads this method's requests.</summary>
    public abstract MessageParser RequestParser { get; }

    /// <summary>Runs the call; an <see cref="RpcException"/> is its status.</summary>
    public abstract ValueTask InvokeAsync(RpcServerCall call, RpcContext context);

    protected async ValueTask<IMessage> ReadOneAsync(RpcServerCall call, RpcContext context) =>
        await call.ReadAsync(RequestParser, context.Expired).ConfigureAwait(false)
        ?? throw new RpcException(RpcStatus.Internal, "cardinality violation: received no request message from non-client-streaming RPC");
}

/// <summary>One request, one response: what waits is here, once, and not in every method's instance of a generic type.</summary>
internal abstract class UnaryHandler : RpcHandler
{
    public override bool IsUnary => true;

    public override async ValueTask InvokeAsync(RpcServerCall call, RpcContext context)
    {
        IMessage request = await ReadOneAsync(call, context).ConfigureAwait(false);
        IMessage response = await HandleAsync(request, context).ConfigureAwait(false);
        await call.WriteLastAsync(response, context.Expired).ConfigureAwait(false);
    }

    protected abstract RpcAnswer<IMessage> HandleAsync(IMessage request, RpcContext context);
}

internal sealed class UnaryHandler<TRequest, TResponse>(
    RpcMethod<TRequest, TResponse> method, Func<TRequest, RpcContext, RpcAnswer<TResponse>> handler) : UnaryHandler
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    public override MessageParser RequestParser => method.RequestParser;

    protected override RpcAnswer<IMessage> HandleAsync(IMessage request, RpcContext context) => handler((TRequest)request, context).Untyped;
}

/// <summary>One request, many responses.</summary>
internal abstract class ServerStreamHandler : RpcHandler
{
    public override async ValueTask InvokeAsync(RpcServerCall call, RpcContext context)
    {
        IMessage request = await ReadOneAsync(call, context).ConfigureAwait(false);
        await HandleAsync(request, call, context).ConfigureAwait(false);
    }

    protected abstract ValueTask HandleAsync(IMessage request, RpcServerCall call, RpcContext context);
}

internal sealed class ServerStreamHandler<TRequest, TResponse>(
    RpcMethod<TRequest, TResponse> method, Func<TRequest, IRpcWriter<TResponse>, RpcContext, ValueTask> handler) : ServerStreamHandler
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    public override MessageParser RequestParser => method.RequestParser;

    protected override ValueTask HandleAsync(IMessage request, RpcServerCall call, RpcContext context) =>
        handler((TRequest)request, new RpcCallWriter<TResponse>(call, context), context);
}

internal sealed class DuplexHandler<TRequest, TResponse>(
    RpcMethod<TRequest, TResponse> method, Func<IRpcReader<TRequest>, IRpcWriter<TResponse>, RpcContext, ValueTask> handler) : RpcHandler
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    public override bool StreamsRequests => true;

    public override MessageParser RequestParser => method.RequestParser;

    public override ValueTask InvokeAsync(RpcServerCall call, RpcContext context) =>
        handler(new RpcCallReader<TRequest>(call, RequestParser, context), new RpcCallWriter<TResponse>(call, context), context);
}

internal sealed class RpcCallReader<T>(RpcServerCall call, MessageParser parser, RpcContext context) : IRpcReader<T>
    where T : class, IMessage<T>
{
    public async ValueTask<T?> ReadAsync(CancellationToken cancellationToken = default) =>
        (T?)await call.ReadAsync(parser, cancellationToken.CanBeCanceled ? cancellationToken : context.Expired).ConfigureAwait(false);
}

internal sealed class RpcCallWriter<T>(RpcServerCall call, RpcContext context) : IRpcWriter<T>
    where T : class, IMessage<T>
{
    public ValueTask WriteAsync(T message, CancellationToken cancellationToken = default) =>
        call.WriteAsync(message, cancellationToken.CanBeCanceled ? cancellationToken : context.Expired);
}
