using System.Buffers;
using System.Text;
using AotRuntime.Rpc.Grpc;
using AotRuntime.Rpc.Ttrpc;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc;

/// <summary>
/// gRPC's server reflection (grpc.reflection.v1, and v1alpha for older clients), as grpcurl and its like ask for it: which services a
/// server has, and the .proto files that describe them.
/// </summary>
/// <remarks>
/// Requests and responses (Protos/grpc/reflection.proto) are read and written by hand: classes for them would cost every role of the program
/// more than this service is worth. To the transport they are empty messages, whose unknown fields are kept and sent.
/// </remarks>
public static class GrpcReflection
{
    // ServerReflectionRequest
    private const int Host = 1, FileByFilename = 3, FileContainingSymbol = 4, AllExtensionNumbersOfType = 6, ListServices = 7;

    // ServerReflectionResponse
    private const int ValidHost = 1, OriginalRequest = 2, FileDescriptorResponse = 4, AllExtensionNumbersResponse = 5, ListServicesResponse = 6, ErrorResponse = 7;

    /// <summary>Adds the service, in both versions, to a table; it tells of all that the table holds by then and later.</summary>
    public static void AddTo(RpcServiceTable services)
    {
        // The two versions differ in their package's name only; their messages are the same on the wire.
        foreach (string version in (ReadOnlySpan<string>)["v1", "v1alpha"])
        {
            RpcMethod<Empty, Empty> info = new($"grpc.reflection.{version}.ServerReflection", "ServerReflectionInfo", Empty.Parser, Empty.Parser);
            services.Duplex(info, (reader, writer, context) => AnswerAsync(services, reader, writer, context));
        }
    }

    private static async ValueTask AnswerAsync(RpcServiceTable services, IRpcReader<Empty> reader, IRpcWriter<Empty> writer, RpcContext context)
    {
        HashSet<string> sent = new(StringComparer.Ordinal);
        while (await reader.ReadAsync(context.Cancelled).ConfigureAwait(false) is { } request)
        {
            ArrayBufferWriter<byte> response = new();
            Answer(services, request.ToByteArray(), response, sent);
            await writer.WriteAsync(Empty.Parser.ParseFrom(response.WrittenSpan), context.Cancelled).ConfigureAwait(false);
        }
    }

    private static void Answer(RpcServiceTable services, byte[] request, ArrayBufferWriter<byte> response, HashSet<string> sent)
    {
        int asked = 0;
        string argument = "";
        ProtoFields fields = new(request);
        while (fields.Read())
        {
            if (fields.Number == Host)
                Put(response, ValidHost, fields.Value.Span);
            else
                (asked, argument) = (fields.Number, fields.Text);
        }
        Put(response, OriginalRequest, request);
        ProtoFiles files = ProtoFiles.Embedded;
        ArrayBufferWriter<byte> answer = new();
        switch (asked)
        {
            case FileByFilename when files.Find(argument) is { } file:
                PutFiles(answer, files, file, sent);
                Put(response, FileDescriptorResponse, answer.WrittenSpan);
                break;
            case FileContainingSymbol when files.FindBySymbol(argument) is { } file:
                PutFiles(answer, files, file, sent);
                Put(response, FileDescriptorResponse, answer.WrittenSpan);
                break;
            case AllExtensionNumbersOfType when files.HasMessage(argument):
                // Our files extend nothing: only base_type_name (1).
                Put(answer, 1, argument);
                Put(response, AllExtensionNumbersResponse, answer.WrittenSpan);
                break;
            case ListServices:
                foreach (string service in services.ServiceNames)
                {
                    // ServiceResponse (1), with its name (1).
                    ArrayBufferWriter<byte> one = new();
                    Put(one, 1, service);
                    Put(answer, 1, one.WrittenSpan);
                }
                Put(response, ListServicesResponse, answer.WrittenSpan);
                break;
            case 0:
                throw new RpcException(RpcStatus.InvalidArgument, "invalid MessageRequest: <nil>");
            default:
                // error_code (1), error_message (2).
                Span<byte> code = answer.GetSpan(2);
                ProtoWire.WriteTag(code, 1, ProtoWire.Varint);
                code[1] = (byte)RpcStatus.NotFound;
                answer.Advance(2);
                Put(answer, 2, "proto: not found");
                Put(response, ErrorResponse, answer.WrittenSpan);
                break;
        }
    }

    /// <summary>A file and, behind it, those that it imports; each once in a stream, but for what is asked for, as grpc-go does it.</summary>
    private static void PutFiles(ArrayBufferWriter<byte> answer, ProtoFiles files, ProtoFile wanted, HashSet<string> sent)
    {
        sent.Remove(wanted.Name);
        Queue<ProtoFile> queue = new([wanted]);
        while (queue.TryDequeue(out ProtoFile? file))
        {
            if (!sent.Add(file.Name))
                continue;
            Put(answer, 1, file.Descriptor.Span);
            foreach (string import in file.Imports)
            {
                if (files.Find(import) is { } imported)
                    queue.Enqueue(imported);
            }
        }
    }

    private static void Put(ArrayBufferWriter<byte> to, int field, string text) => Put(to, field, Encoding.UTF8.GetBytes(text));

    private static void Put(ArrayBufferWriter<byte> to, int field, ReadOnlySpan<byte> value)
    {
        Span<byte> head = to.GetSpan(11);
        int length = ProtoWire.WriteTag(head, field, ProtoWire.LengthDelimited);
        to.Advance(length + ProtoWire.WriteVarint(head[length..], (uint)value.Length));
        to.Write(value);
    }
}
