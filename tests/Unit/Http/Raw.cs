using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>A server behind an in-memory connection, spoken to in bytes.</summary>
internal sealed class Raw : IAsyncDisposable
{
    private readonly TransportConnection _client;
    private readonly CancellationTokenSource _stopping = new();

    public Raw(HttpRequestHandler handler, HttpServerOptions? options = null)
    {
        (_client, TransportConnection server) = MemoryTransport.CreatePair();
        Serving = new HttpServer(handler, options).ServeConnectionAsync(server, _stopping.Token);
    }

    public TransportConnection Client => _client;

    public Task Serving { get; }

    public void Stop() => _stopping.Cancel();

    public async Task SendAsync(string text) => await _client.Output.WriteAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>Reads until what was read ends with <paramref name="end"/>.</summary>
    public async Task<string> ReadUntilAsync(string end)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        StringBuilder all = new();
        while (true)
        {
            ReadResult read = await _client.Input.ReadAsync(patience.Token);
            // Byte by byte, to leave to the next read what is beyond the end.
            byte[] bytes = read.Buffer.ToArray();
            for (int i = 0; i < bytes.Length; i++)
            {
                all.Append((char)bytes[i]);
                if (all.ToString().EndsWith(end, StringComparison.Ordinal))
                {
                    _client.Input.AdvanceTo(read.Buffer.GetPosition(i + 1));
                    return all.ToString();
                }
            }
            _client.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                throw new EndOfStreamException($"ended after: {all}");
        }
    }

    /// <summary>Reads to the connection's end.</summary>
    public async Task<string> ReadToEndAsync()
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        StringBuilder all = new();
        while (true)
        {
            ReadResult read = await _client.Input.ReadAsync(patience.Token);
            all.Append(Encoding.Latin1.GetString(read.Buffer.ToArray()));
            _client.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                return all.ToString();
        }
    }

    /// <summary>Sends all, half-closes, and gives all that came back.</summary>
    public static async Task<string> ExchangeAsync(HttpRequestHandler handler, string request, HttpServerOptions? options = null)
    {
        await using Raw raw = new(handler, options);
        await raw.SendAsync(request);
        await raw.Client.Output.CompleteAsync();
        return await raw.ReadToEndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await Serving.WaitAsync(TimeSpan.FromSeconds(60));
        _stopping.Dispose();
    }
}
