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
        if (headers["content-type"] is not { } type || !type.StartsWith("application/grpc", StringComparison.Ordinal))
        {
            exchange.StatusCode = 415;
            return;
        }
        exchange.ResponseHeaders.Add("content-type", "application/grpc");
        var call = new Call(exchange, _options, headers["grpc-encoding"]);
        (RpcStatus status, string message) = await RunAsync(exchange, call).ConfigureAwait(false);
        // Where no message was written, status and fields are one block ("Trailers-Only").
        HttpHeaders trailers = call.HasWritten ? exchange.ResponseTrailers : exchange.ResponseHeaders;
        trailers.Add("grpc-status", GrpcText.Status(status));
        if (message.Length > 0)
            trailers.Add("grpc-message", GrpcText.EncodeMessage(message));
    }

    private async ValueTask<(RpcStatus Status, string Message)> RunAsync(HttpExchange exchange, Call call)
    {
        if (services.Find(exchange.Path) is not { } handler)
            return (RpcStatus.Unimplemented, Unknown(exchange.Path));
        HttpHeaders headers = exchange.RequestHeaders;
        if (headers["grpc-encoding"] is { } encoding and not ("identity" or "gzip"))
            return (RpcStatus.Unimplemented, $"grpc: Decompressor is not installed for grpc-encoding \"{encoding}\"");

        CancellationToken cancelled = exchange.Aborted;
        if (headers["grpc-timeout"] is not { } text)
            return await RpcOutcome.OfAsync(handler, call, new RpcContext { Metadata = headers, Cancelled = cancelled }).ConfigureAwait(false);
        if (!GrpcText.TryDecodeTimeout(text, out TimeSpan timeout))
            return (RpcStatus.Internal, $"malformed grpc-timeout: {text}");
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        deadline.CancelAfter(timeout);
        var context = new RpcContext { Metadata = headers, Cancelled = deadline.Token, Deadline = DateTimeOffset.UtcNow + timeout };
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

    private sealed class Call(HttpExchange exchange, GrpcOptions options, string? encoding) : RpcServerCall
    {
        /// <summary>Whether a response message was written, so that status and message must follow it.</summary>
        public bool HasWritten { get; private set; }

        public override async ValueTask<IMessage?> ReadAsync(MessageParser parser, CancellationToken cancellationToken)
        {
            try
            {
                return await GrpcFraming.ReadAsync(exchange.RequestBody, parser, options.MaxReceiveMessageBytes, encoding, cancellationToken).ConfigureAwait(false);
            }
            catch (IOException e)
            {
                throw new OperationCanceledException(e.Message, e); // the client reset the stream or is gone
            }
        }

        public override async ValueTask WriteAsync(IMessage message, CancellationToken cancellationToken)
        {
            GrpcFraming.Write(exchange.ResponseBody, message, options.MaxSendMessageBytes);
            HasWritten = true;
            FlushResult result = await exchange.ResponseBody.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (result.IsCompleted)
                throw new OperationCanceledException("the client is gone");
        }

        public override ValueTask WriteLastAsync(IMessage message, CancellationToken cancellationToken)
        {
            // Not flushed: fields, message and trailers leave together when the handler returns.
            GrpcFraming.Write(exchange.ResponseBody, message, options.MaxSendMessageBytes);
            HasWritten = true;
            return ValueTask.CompletedTask;
        }
    }
}
