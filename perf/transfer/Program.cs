using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using AotRuntime.Digests;
using AotRuntime.Http;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using Google.Protobuf;

// transfer serve GRPC-SOCKET HTTP-SOCKET: counts what is uploaded (Content.Write of one stream), and answers GET /BYTES with that many.
// transfer upload GRPC-SOCKET BYTES; transfer download HTTP-SOCKET BYTES;
// transfer hash BYTES: the product's own SHA-256; transfer reference BYTES: the framework's.
// Each prints "GiB/s  resident-KiB-after-an-eighth  resident-KiB-at-the-end"; an upload adds the last two of the server.
const int PieceBytes = 256 * 1024;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
byte[] piece = new byte[PieceBytes];
new Random(1).NextBytes(piece);
long bytes = args[0] == "serve" ? 0 : long.Parse(args[^1], CultureInfo.InvariantCulture);
switch (args[0])
{
    case "serve":
        RpcServiceTable table = new();
        table.Duplex(ContentMethods.Write, CountAsync);
        Task grpc = new HttpServer(new GrpcServer(table).HandleAsync).RunAsync(Transport.ListenUnix(args[1]), CancellationToken.None);
        await Task.WhenAll(grpc, new HttpServer(SendAsync).RunAsync(Transport.ListenUnix(args[2]), CancellationToken.None));
        return 0;
    case "upload":
        await UploadAsync(args[1]);
        return 0;
    case "download":
        await DownloadAsync(args[1]);
        return 0;
    case "hash":
        HashPieces();
        return 0;
    case "reference":
        HashPiecesByTheFramework();
        return 0;
    default:
        return 2;
}

void HashPieces()
{
    Sha2Hash hash = new(Sha2Algorithm.Sha256);
    Stopwatch watch = Stopwatch.StartNew();
    for (long done = 0; done < bytes; done += PieceBytes)
        hash.Append(piece);
    hash.CurrentHex();
    Print(watch, Resident(), Resident());
}

void HashPiecesByTheFramework()
{
    using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    Stopwatch watch = Stopwatch.StartNew();
    for (long done = 0; done < bytes; done += PieceBytes)
        hash.AppendData(piece);
    hash.GetCurrentHash();
    Print(watch, Resident(), Resident());
}

async Task UploadAsync(string socket)
{
    await using RpcChannel channel = RpcChannels.GrpcUnix(socket);
    await using RpcCall<WriteContentRequest, WriteContentResponse> call = await channel.OpenAsync(ContentMethods.Write);
    Stopwatch watch = Stopwatch.StartNew();
    long early = 0;
    for (long done = 0; done < bytes; done += PieceBytes)
    {
        await call.WriteAsync(new WriteContentRequest { Action = WriteAction.Write, Offset = done, Data = UnsafeByteOperations.UnsafeWrap(piece) });
        if (early == 0 && done >= bytes / 8)
            early = Resident();
    }
    await call.CompleteAsync();
    WriteContentResponse? answer = await call.ReadAsync();
    watch.Stop();
    if (answer?.Offset != bytes)
        throw new InvalidOperationException($"{answer?.Offset} of {bytes} bytes arrived");
    Print(watch, early, Resident(), answer.Total, answer.StartedAt.Seconds);
}

// The answer's Total and StartedAt carry what the server's memory was, for want of fields of that name.
static async ValueTask CountAsync(IRpcReader<WriteContentRequest> reader, IRpcWriter<WriteContentResponse> writer, RpcContext context)
{
    long sum = 0, early = 0;
    while (await reader.ReadAsync() is { } message)
    {
        sum += message.Data.Length;
        if (early == 0 && sum >= 128 << 20)
            early = Resident();
    }
    await writer.WriteAsync(new WriteContentResponse { Offset = sum, Total = early, StartedAt = new() { Seconds = Resident() } });
}

async ValueTask SendAsync(HttpExchange exchange)
{
    long left = long.Parse(exchange.Path.AsSpan(1), CultureInfo.InvariantCulture);
    exchange.ResponseHeaders["Content-Length"] = exchange.Path[1..];
    for (; left > 0; left -= PieceBytes)
        await exchange.ResponseBody.WriteAsync(piece.AsMemory(0, (int)Math.Min(left, PieceBytes)));
}

async Task DownloadAsync(string socket)
{
    await using AotRuntime.Http.HttpClient client = new(HttpEndpoint.Unix(socket));
    Sha2Hash hash = new(Sha2Algorithm.Sha256);
    Stopwatch watch = Stopwatch.StartNew();
    await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = $"/{bytes}" });
    long early = 0, sum = 0;
    while (true)
    {
        ReadResult read = await response.Body.ReadAsync();
        foreach (ReadOnlyMemory<byte> segment in read.Buffer)
            hash.Append(segment.Span);
        sum += read.Buffer.Length;
        response.Body.AdvanceTo(read.Buffer.End);
        if (early == 0 && sum >= bytes / 8)
            early = Resident();
        if (read.IsCompleted)
            break;
    }
    hash.CurrentHex();
    if (sum != bytes)
        throw new InvalidOperationException($"{sum} of {bytes} bytes arrived");
    Print(watch, early, Resident());
}

void Print(Stopwatch watch, params long[] memory) =>
    Console.WriteLine($"{bytes / watch.Elapsed.TotalSeconds / (1 << 30):0.00} {string.Join(' ', memory)}");

// /proc/self/statm: "size resident …", in pages.
static long Resident() => long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) * (Environment.SystemPageSize / 1024);
