using System.Net.Sockets;
using System.Text;

namespace AotRuntime.Tests.Functional.Harness;

/// <summary>A unix socket that passes everything on to another one and notes each request line on the way.</summary>
internal sealed class RecordingProxy : IDisposable
{
    private static readonly string[] s_methods = ["GET ", "POST ", "HEAD ", "PUT ", "DELETE "];
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly List<string> _requests = [];
    private readonly string _target;

    public RecordingProxy(string path, string target)
    {
        _target = target;
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _ = AcceptAsync();
    }

    /// <summary>Request lines so far, without the API version's prefix and without HTTP's version: <c>POST /containers/create?x=y</c>.</summary>
    public IReadOnlyList<string> Requests
    {
        get
        {
            lock (_requests)
                return [.. _requests];
        }
    }

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
            _ = ServeAsync(client);
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using Socket server = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using (client)
        {
            await server.ConnectAsync(new UnixDomainSocketEndPoint(_target));
            await Task.WhenAll(PumpAsync(client, server, note: true), PumpAsync(server, client, note: false));
        }
    }

    private async Task PumpAsync(Socket from, Socket to, bool note)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            int n;
            while ((n = await from.ReceiveAsync(buffer)) > 0)
            {
                if (note)
                    Note(buffer.AsSpan(0, n));
                for (int sent = 0; sent < n;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, n - sent));
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // One side hung up: the other learns of it by the socket's end.
            to.Close();
        }
    }

    private void Note(ReadOnlySpan<byte> data)
    {
        string text = Encoding.Latin1.GetString(data);
        foreach (string line in text.Split("\r\n"))
        {
            int end = line.IndexOf(" HTTP/1.1", StringComparison.Ordinal);
            if (end < 0 || !s_methods.Any(m => line.StartsWith(m, StringComparison.Ordinal)))
                continue;
            string[] parts = line[..end].Split(' ', 2);
            string path = System.Text.RegularExpressions.Regex.Replace(parts[1], "^/v1\\.[0-9]+", "");
            lock (_requests)
                _requests.Add($"{parts[0]} {path}");
        }
    }
}
