using AotRuntime.Http;
using Google.Protobuf;

namespace AotRuntime.Rpc;

/// <summary>A method of a service: its full names and how its messages are read.</summary>
public abstract class RpcMethod
{
    private protected RpcMethod(string service, string name, MessageParser requestParser, MessageParser responseParser)
    {
        Service = service;
        Name = name;
        Path = $"/{service}/{name}";
        RequestParser = requestParser;
        ResponseParser = responseParser;
    }

    /// <summary>Full service name, <c>containerd.services.content.v1.Content</c>.</summary>
    public string Service { get; }

    /// <summary>Method name, <c>Info</c>.</summary>
    public string Name { get; }

    /// <summary>The gRPC path, <c>/service/method</c>.</summary>
    public string Path { get; }

    /// <summary>Reads a request.</summary>
    public MessageParser RequestParser { get; }

    /// <summary>Reads a response.</summary>
    public MessageParser ResponseParser { get; }
}

/// <summary>A method with its messages' types, which handlers and callers are checked against.</summary>
public sealed class RpcMethod<TRequest, TResponse>(
    string service, string name, MessageParser<TRequest> requestParser, MessageParser<TResponse> responseParser)
    : RpcMethod(service, name, requestParser, responseParser)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>;

/// <summary>What a handler knows of its call.</summary>
public sealed class RpcContext
{
    /// <summary>Request metadata (gRPC header fields, ttrpc metadata).</summary>
    public required HttpHeaders Metadata { get; init; }

    /// <summary>Cancelled when the client cancels, goes away, or the deadline passes.</summary>
    public CancellationToken Cancelled { get => Exchange?.Aborted ?? field; init; }

    /// <summary>Whose end cancels the call, where nothing else does: most handlers never ask, and the token need not be made.</summary>
    internal HttpExchange? Exchange { get; init; }

    /// <summary>For reading and writing, which the exchange's end wakes anyway.</summary>
    internal CancellationToken Expired => Exchange is null ? Cancelled : default;

    /// <summary>Cancelled when the client cancels or goes away: <see cref="Cancelled"/> without the deadline.</summary>
    internal CancellationToken ClientGone { get; init; }

    /// <summary>Metadata to answer with before the first message (gRPC only).</summary>
    public HttpHeaders ResponseMetadata => ResponseMetadataOrNull ??= new();

    /// <summary>Metadata to answer with at the end (gRPC only).</summary>
    public HttpHeaders ResponseTrailers => ResponseTrailersOrNull ??= new();

    internal HttpHeaders? ResponseMetadataOrNull { get; private set; }

    internal HttpHeaders? ResponseTrailersOrNull { get; private set; }

    /// <summary>When the client stops waiting; null where it told no deadline.</summary>
    public DateTimeOffset? Deadline { get; init; }
}

/// <summary>Messages coming from the peer; null at the end.</summary>
public interface IRpcReader<T>
{
    /// <summary>The next message, or null at the end of the stream.</summary>
    ValueTask<T?> ReadAsync(CancellationToken cancellationToken = default);
}

/// <summary>Messages going to the peer, with its back-pressure.</summary>
public interface IRpcWriter<in T>
{
    /// <summary>Sends one message.</summary>
    ValueTask WriteAsync(T message, CancellationToken cancellationToken = default);
}

/// <summary>The handlers of a server, by method; one table serves gRPC and ttrpc. Fill it before serving.</summary>
public sealed class RpcServiceTable
{
    private readonly Dictionary<string, RpcHandler> _byPath = new(StringComparer.Ordinal);
    private readonly HashSet<string> _services = new(StringComparer.Ordinal);

    /// <summary>One request, one response. A <paramref name="quick"/> handler never blocks its thread, and runs where its request came in.</summary>
    public void Unary<TRequest, TResponse>(RpcMethod<TRequest, TResponse> method, Func<TRequest, RpcContext, RpcAnswer<TResponse>> handler, bool quick = false)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse> =>
        Add(method, new UnaryHandler<TRequest, TResponse>(method, handler) { IsQuick = quick });

    /// <summary>One request, many responses.</summary>
    public void ServerStream<TRequest, TResponse>(RpcMethod<TRequest, TResponse> method, Func<TRequest, IRpcWriter<TResponse>, RpcContext, ValueTask> handler)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse> =>
        Add(method, new ServerStreamHandler<TRequest, TResponse>(method, handler));

    /// <summary>Many requests, many responses (also serves client streaming: write once at the end).</summary>
    public void Duplex<TRequest, TResponse>(RpcMethod<TRequest, TResponse> method, Func<IRpcReader<TRequest>, IRpcWriter<TResponse>, RpcContext, ValueTask> handler)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse> =>
        Add(method, new DuplexHandler<TRequest, TResponse>(method, handler));

    /// <summary>The handler of <c>/service/method</c>, or null.</summary>
    internal RpcHandler? Find(string path) => _byPath.GetValueOrDefault(path);

    /// <summary>Whether any method of <paramref name="service"/> is there.</summary>
    internal bool HasService(string service) => _services.Contains(service);

    /// <summary>The services that have a method here, in the order of their names.</summary>
    internal string[] ServiceNames
    {
        get
        {
            string[] names = [.. _services];
            Array.Sort(names, StringComparer.Ordinal);
            return names;
        }
    }

    private void Add(RpcMethod method, RpcHandler handler)
    {
        _byPath.Add(method.Path, handler);
        _services.Add(method.Service);
    }
}
