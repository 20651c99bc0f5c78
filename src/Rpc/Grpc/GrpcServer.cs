using System.IO.Pipelines;
using AotRuntime.Http;
using AotRuntime.Rpc.Grpc;
using Google.Protobuf;

namespace AotRuntime.Rpc;

/// <summary>Serves a table over gRPC: pass <see cref="HandleAsync"/> to an <see cref="HttpServer"/>.</summary>
public sealed class GrpcServer(RpcServiceTable services, GrpcOptions? options = null)
{
    private readonly GrpcOptions _options = options ?? GrpcOptions.Default;

    /// <summary>Answers one gRPC call.</summary>
    public async ValueTask HandleAsync(HttpExchange exchange)
    {
        if (exchange.Method != "POST" || exchange.MajorVersion != 2)
        {
            exchange.StatusCode = 405;
            return;
        }
        HttpHeaders headers = exchange.RequestHeaders;
        if (headers["content-type"] is not { } type || !IsGrpc(type))
        {
            exchange.StatusCode = 415;
            return;
        }
        exchange.ResponseHeaders.Add("content-type", "application/grpc");
        RpcHandler? handler = services.Find(exchange.Path);
        var call = new Call(exchange, _options, headers["grpc-encoding"], handler is { StreamsRequests: true });
        RpcException? failure = await RunAsync(exchange, handler, call).ConfigureAwait(false);
        // Where no message was written, status and fields are one block ("Trailers-Only").
        HttpHeaders trailers = call.HasWritten ? exchange.ResponseTrailers : exchange.ResponseHeaders;
        if (!call.HasWritten)
            call.AddMetadata();
        trailers.Add("grpc-status", GrpcText.Status(failure?.Status ?? RpcStatus.OK));
        if (failure is { Message.Length: > 0 })
            trailers.Add("grpc-message", GrpcText.EncodeMessage(failure.Message));
        if (failure is { Details.Count: > 0 })
            trailers.AddBinary(GrpcText.DetailsName, GrpcText.EncodeDetails(failure));
        call.AddTrailers(trailers);
    }

    /// <summary>"application/grpc", perhaps with a "+" or parameters after it ("Content-Type" of the specification), and not gRPC-Web's.</summary>
    private static bool IsGrpc(string type)
    {
        const string Grpc = "application/grpc";
        return type.StartsWith(Grpc, StringComparison.OrdinalIgnoreCase) && (type.Length == Grpc.Length || type[Grpc.Length] is '+' or ';');
    }

    private async ValueTask<RpcException?> RunAsync(HttpExchange exchange, RpcHandler? handler, Call call)
    {
        if (handler is null)
            return new RpcException(RpcStatus.Unimplemented, Unknown(exchange.Path));
        HttpHeaders headers = exchange.RequestHeaders;
        if (headers["grpc-encoding"] is { } encoding and not ("identity" or "gzip"))
        {
            // "the server MUST … include a grpc-accept-encoding header" (gRPC, "compression").
            exchange.ResponseHeaders.Add("grpc-accept-encoding", "identity,gzip");
            return new RpcException(RpcStatus.Unimplemented, $"grpc: Decompressor is not installed for grpc-encoding \"{encoding}\"");
        }

        // What follows may block, and here is a thread that waits for other connections, too.
        if (!handler.IsQuick)
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (headers["grpc-timeout"] is not { } text)
            return await RpcOutcome.OfAsync(handler, call, call.Context = new RpcContext { Metadata = headers, Exchange = exchange }).ConfigureAwait(false);
        if (!GrpcText.TryDecodeTimeout(text, out TimeSpan timeout))
            return new RpcException(RpcStatus.Internal, $"malformed grpc-timeout: {text}");
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(exchange.Aborted);
        deadline.CancelAfter(timeout);
        RpcContext context = call.Context = new RpcContext { Metadata = headers, Cancelled = deadline.Token, ClientGone = exchange.Aborted, Deadline = DateTimeOffset.UtcNow + timeout };
        return await RpcOutcome.OfAsync(handler, call, context).ConfigureAwait(false);
    }

    private string Unknown(string path)
    {
        int slash = path.LastIndexOf('/');
        if (slash <= 0)
            return $"malformed method name: \"{path}\"";
        string service = path[1..slash], method = path[(slash + 1)..];
        return services.HasService(service) ? $"unknown method {method} for service {service}" : $"unknown service {service}";
    }

    private sealed class Call(HttpExchange exchange, GrpcOptions options, string? encoding, bool streams) : RpcServerCall
    {
        // As grpc-go's servers do: an answer is compressed where the request was, and the client says that it takes it.
        private readonly bool _compress = encoding == "gzip" && exchange.RequestHeaders.ListContains("grpc-accept-encoding", "gzip");

        private readonly GrpcLargeMessages? _large = streams ? new() : null;

        /// <summary>What the handler knows, and what it wants to say beside its messages.</summary>
        public RpcContext? Context { get; set; }

        /// <summary>Whether a response message was written, so that status and message must follow it.</summary>
        public bool HasWritten { get; private set; }

        public override async ValueTask<IMessage?> ReadAsync(MessageParser parser, CancellationToken cancellationToken)
        {
            try
            {
                return await GrpcFraming.ReadAsync(exchange.RequestBody, parser, options.MaxReceiveMessageBytes, encoding, cancellationToken, _large).ConfigureAwait(false);
            }
            catch (IOException e)
            {
                throw new OperationCanceledException(e.Message, e); // the client reset the stream or is gone
            }
        }

        public override async ValueTask WriteAsync(IMessage message, CancellationToken cancellationToken)
        {
            WriteMessage(message);
            FlushResult result = await exchange.ResponseBody.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (result.IsCompleted)
                throw new OperationCanceledException("the client is gone");
        }

        public override ValueTask WriteLastAsync(IMessage message, CancellationToken cancellationToken)
        {
            // Not flushed: fields, message and trailers leave together when the handler returns.
            WriteMessage(message);
            return ValueTask.CompletedTask;
        }

        /// <summary>Adds the handler's metadata to the head.</summary>
        public void AddMetadata() => Add(Context?.ResponseMetadataOrNull, exchange.ResponseHeaders);

        /// <summary>Adds the handler's trailers.</summary>
        public void AddTrailers(HttpHeaders to) => Add(Context?.ResponseTrailersOrNull, to);

        private void WriteMessage(IMessage message)
        {
            if (!HasWritten)
            {
                AddMetadata();
                if (_compress)
                    exchange.ResponseHeaders.Add("grpc-encoding", "gzip");
            }
            GrpcFraming.Write(exchange.ResponseBody, message, options.MaxSendMessageBytes, _compress);
            HasWritten = true;
        }

        private static void Add(HttpHeaders? from, HttpHeaders to)
        {
            if (from is null)
                return;
            foreach ((string name, string value) in from)
                to.Add(name, value);
        }
    }
}
