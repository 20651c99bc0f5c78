using AotRuntime.Rpc;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Tests.Unit.Rpc;

/// <summary>What other libraries' clients are tried on: all four kinds of call, and each way to fail.</summary>
internal sealed class EchoService
{
    private int _ended;

    public static RpcMethod<BytesValue, BytesValue> Method(string name) => new("test.Echo", name, BytesValue.Parser, BytesValue.Parser);

    public static BytesValue Bytes(string text) => new() { Value = ByteString.CopyFromUtf8(text) };

    public RpcServiceTable Table()
    {
        RpcServiceTable table = new();
        table.Unary(Method("unary"), UnaryAsync);
        table.ServerStream(Method("down"), async (request, writer, _) =>
        {
            foreach (char c in request.Value.ToStringUtf8())
            {
                if (c == '!')
                    throw new RpcException(RpcStatus.DataLoss, "cut");
                await writer.WriteAsync(Bytes($"{c}"));
            }
        });
        table.Duplex(Method("up"), async (reader, writer, _) =>
        {
            using MemoryStream all = new();
            while (await reader.ReadAsync() is { } message)
                message.Value.WriteTo(all);
            await writer.WriteAsync(new BytesValue { Value = ByteString.CopyFrom(all.ToArray()) });
        });
        table.Duplex(Method("both"), async (reader, writer, _) =>
        {
            while (await reader.ReadAsync() is { } message)
                await writer.WriteAsync(message);
        });
        GrpcHealth.AddTo(table);
        GrpcReflection.AddTo(table);
        return table;
    }

    private async RpcAnswer<BytesValue> UnaryAsync(BytesValue request, RpcContext context)
    {
        switch (request.Value.Length > 10 ? "" : request.Value.ToStringUtf8())
        {
            case "meta":
                context.ResponseMetadata.AddBinary("x-head-bin", [1, 2, 3, 4]);
                context.ResponseTrailers.Add("x-trail", "end");
                return Bytes($"{context.Metadata["x-text"]} {Convert.ToHexString(context.Metadata.GetBinary("x-octets-bin").Single())}");
            case "missing":
                throw new RpcException(RpcStatus.NotFound, "not here: ü%\n", [new Any { TypeUrl = "type.googleapis.com/x", Value = ByteString.CopyFromUtf8("y") }]);
            case "crash":
                throw new InvalidOperationException("boom");
            case "hang":
                try
                {
                    await Task.Delay(Timeout.Infinite, context.Cancelled);
                }
                finally
                {
                    Interlocked.Increment(ref _ended);
                }
                break;
            case "ended?":
                // The client hears of its own cancellation at once; the server a moment later.
                await Task.Delay(300, context.Cancelled);
                return Bytes($"{_ended}");
        }
        return request;
    }
}
