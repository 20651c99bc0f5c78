using System.Globalization;
using System.IO.Pipelines;
using AotRuntime.Http;
using AotRuntime.Http.Http2;
using Google.Protobuf;

namespace AotRuntime.Rpc.Grpc;

/// <summary>Calls methods over gRPC, all on one HTTP/2 connection.</summary>
internal sealed class GrpcChannel(Func<CancellationToken, ValueTask<TransportConnection>> connect, string target, GrpcOptions options) : RpcChannel
{
    private const string UserAgent = "aotruntime-grpc/1.0";

    private readonly SingleConnection<Http2ClientConnection> _connection = new(
        async cancellation => new Http2ClientConnection(await connect(cancellation).ConfigureAwait(false)), static c => c.IsOpen, target);

    private protected override async ValueTask<IMessage?> CallAsync(
        RpcMethod method, IMessage request, RpcCallOptions callOptions, CancellationToken cancellationToken)
    {
        using var deadline = new CallDeadline(callOptions.Timeout, cancellationToken);
        for (int attempt = 1; ; attempt++)
        {
            GrpcClientCall call = await BeginAsync(method.Path, callOptions, deadline).ConfigureAwait(false);
            await using (call.ConfigureAwait(false))
            {
                call.Send(request);
                try
                {
                    IMessage? response = await call.ReadAsync(method.ResponseParser, CancellationToken.None).ConfigureAwait(false);
                    if (response is not null && await call.ReadAsync(method.ResponseParser, CancellationToken.None).ConfigureAwait(false) is not null)
                        throw new RpcException(RpcStatus.Internal, "cardinality violation: expected <EOF> for non server-streaming RPCs, but received another message");
                    return response ?? throw new RpcException(RpcStatus.Internal, "cardinality violation: received no response message from non-server-streaming RPC");
                }
                catch (RpcException) when (call.NotProcessed && attempt < 3)
                {
                    // The server did not touch it (GOAWAY, REFUSED_STREAM): gRPC's "transparent retry", on a new connection if need be.
                }
            }
        }
    }

    private protected override async ValueTask<RpcClientStream> OpenAsync(
        RpcMethod method, IMessage? only, RpcCallOptions callOptions, CancellationToken cancellationToken)
    {
        var deadline = new CallDeadline(callOptions.Timeout, cancellationToken);
        GrpcClientCall call = await BeginAsync(method.Path, callOptions, deadline).ConfigureAwait(false);
        if (only is null)
            call.SendHead();
        else
            call.Send(only);
        return new Stream(call, method.ResponseParser, deadline);
    }

    public override ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async ValueTask<GrpcClientCall> BeginAsync(string path, RpcCallOptions callOptions, CallDeadline deadline)
    {
        var headers = new HttpHeaders
        {
            { "content-type", "application/grpc" },
            { "user-agent", UserAgent },
            { "te", "trailers" },
            { "grpc-accept-encoding", "gzip" },
        };
        if (callOptions.Compress)
            headers.Add("grpc-encoding", "gzip");
        if (callOptions.Timeout is { } timeout)
            headers.Add("grpc-timeout", GrpcText.EncodeTimeout(timeout));
        foreach ((string name, string value) in callOptions.Metadata ?? [])
            headers.Add(name, value);
        while (true)
        {
            try
            {
                Http2ClientConnection connection = await _connection.GetAsync(deadline.Token).ConfigureAwait(false);
                return new GrpcClientCall(connection.Begin("POST", path, headers, hasBody: true), options, deadline, callOptions.Compress);
            }
            catch (Http2StreamException)
            {
                // The connection was lost between being asked for and used: the next one is a new one, or there is none.
            }
            catch (OperationCanceledException) when (deadline.Passed)
            {
                throw CallDeadline.Exceeded();
            }
        }
    }

    private sealed class Stream(GrpcClientCall call, MessageParser parser, CallDeadline deadline) : RpcClientStream
    {
        public override ValueTask WriteAsync(IMessage message, CancellationToken cancellationToken) => call.WriteAsync(message, cancellationToken);

        public override ValueTask CompleteAsync()
        {
            call.Complete();
            return ValueTask.CompletedTask;
        }

        public override ValueTask<IMessage?> ReadAsync(CancellationToken cancellationToken) => call.ReadAsync(parser, cancellationToken);

        public override async ValueTask DisposeAsync()
        {
            await call.DisposeAsync().ConfigureAwait(false);
            deadline.Dispose();
        }
    }
}

/// <summary>One call of a client.</summary>
internal sealed class GrpcClientCall : IAsyncDisposable
{
    private readonly Http2ClientResponse _response;
    private readonly GrpcOptions _options;
    private readonly CallDeadline _deadline;
    private readonly CancellationTokenRegistration _cancellation;
    private readonly bool _compress;
    private bool _arrived;

    public GrpcClientCall(Http2ClientResponse response, GrpcOptions options, CallDeadline deadline, bool compress)
    {
        _response = response;
        _options = options;
        _deadline = deadline;
        _compress = compress;
        _cancellation = deadline.Token.UnsafeRegister(static state => ((Http2ClientResponse)state!).Cancel(), response);
    }

    /// <summary>Whether the server is known not to have seen the call.</summary>
    public bool NotProcessed => _response.Error is { NotProcessed: true };

    /// <summary>Sends the only request: fields, message and end leave together.</summary>
    public void Send(IMessage message)
    {
        GrpcFraming.Write(_response.RequestBody, message, _options.MaxSendMessageBytes, _compress);
        _response.CompleteRequest();
    }

    public void SendHead() => _response.SendHead();

    public void Complete() => _response.CompleteRequest();

    public async ValueTask WriteAsync(IMessage message, CancellationToken cancellationToken)
    {
        GrpcFraming.Write(_response.RequestBody, message, _options.MaxSendMessageBytes, _compress);
        FlushResult result = await _response.RequestBody.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (!result.IsCompleted)
            return;
        // The server has ended the call: its status says why.
        if (_response.Trailers["grpc-status"] is not null || _response.Headers["grpc-status"] is not null)
            ThrowUnlessOk(_response.Trailers["grpc-status"] is null ? _response.Headers : _response.Trailers);
        throw _response.Error is { } error ? Translate(error) : new RpcException(RpcStatus.Internal, "the server has ended the call");
    }

    /// <summary>The next message, or null where the call ended well.</summary>
    public async ValueTask<IMessage?> ReadAsync(MessageParser parser, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration registration =
            cancellationToken.UnsafeRegister(static state => ((Http2ClientResponse)state!).Cancel(), _response);
        try
        {
            if (!_arrived)
            {
                await _response.Arrived.ConfigureAwait(false);
                _arrived = true;
                CheckHead();
            }
            IMessage? message = await GrpcFraming
                .ReadAsync(_response.Body, parser, _options.MaxReceiveMessageBytes, _response.Headers["grpc-encoding"], CancellationToken.None).ConfigureAwait(false);
            if (message is null)
                ThrowUnlessOk(_response.Trailers["grpc-status"] is null ? _response.Headers : _response.Trailers);
            return message;
        }
        catch (Http2StreamException e)
        {
            if (_deadline.Passed)
                throw CallDeadline.Exceeded();
            cancellationToken.ThrowIfCancellationRequested();
            _deadline.Token.ThrowIfCancellationRequested();
            throw Translate(e);
        }
    }

    public ValueTask DisposeAsync()
    {
        _cancellation.Dispose();
        return _response.DisposeAsync();
    }

    private void CheckHead()
    {
        int status = _response.StatusCode;
        if (status == 200)
        {
            if (_response.Headers["content-type"] is { } type && type.StartsWith("application/grpc", StringComparison.Ordinal))
                return;
            throw new RpcException(RpcStatus.Unknown, $"unexpected content-type \"{_response.Headers["content-type"]}\"");
        }
        RpcStatus code = status switch
        {
            400 => RpcStatus.Internal,
            401 => RpcStatus.Unauthenticated,
            403 => RpcStatus.PermissionDenied,
            404 => RpcStatus.Unimplemented,
            429 or 502 or 503 or 504 => RpcStatus.Unavailable,
            _ => RpcStatus.Unknown,
        };
        throw new RpcException(code, $"unexpected HTTP status code received from server: {status}");
    }

    private static void ThrowUnlessOk(HttpHeaders fields)
    {
        if (!int.TryParse(fields["grpc-status"], NumberStyles.None, CultureInfo.InvariantCulture, out int status))
            throw new RpcException(RpcStatus.Internal, "server closed the stream without sending trailers");
        if (status != 0)
            throw new RpcException((RpcStatus)status, GrpcText.DecodeMessage(fields["grpc-message"] ?? ""), GrpcText.DecodeDetails(fields));
    }

    private static RpcException Translate(Http2StreamException e)
    {
        if (e.ConnectionLost)
            return new RpcException(RpcStatus.Unavailable, e.Message);
        RpcStatus status = e.Code switch
        {
            Http2ErrorCode.RefusedStream => RpcStatus.Unavailable,
            Http2ErrorCode.Cancel => RpcStatus.Cancelled,
            Http2ErrorCode.EnhanceYourCalm => RpcStatus.ResourceExhausted,
            Http2ErrorCode.InadequateSecurity => RpcStatus.PermissionDenied,
            _ => RpcStatus.Internal,
        };
        return new RpcException(status, e.Message);
    }
}
