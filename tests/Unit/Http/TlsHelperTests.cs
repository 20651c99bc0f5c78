using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AotRuntime.Http;
using AotRuntime.Linux;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>The TLS helper against the framework's SslStream, in both roles; its process's death, and what hostile peers send.</summary>
[Collection(nameof(TlsHelperTests))] // some kill the process that all share
[CollectionDefinition(nameof(TlsHelperTests), DisableParallelization = true)]
public sealed class TlsHelperTests : IDisposable
{
    private const int Much = 64 << 20;

    private readonly TlsFiles _files = new TlsFiles()
        .Issue("server", "origin.test,127.0.0.1")
        .Issue("client", "client", TlsFiles.ClientAuth)
        .Issue("stranger", "client", TlsFiles.ClientAuth, "other");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _files.Dispose();

    /// <summary>Ours as the client, over TCP, and the framework's as the server.</summary>
    private async Task<(TlsConnection Ours, SslStream Peer)> ConnectAsync(TlsSettings? settings = null, SslServerAuthenticationOptions? peer = null, string host = "origin.test")
    {
        (TransportConnection near, Socket far) = await TcpAsync();
        SslStream server = new(new NetworkStream(far, ownsSocket: true));
        Task accepting = server.AuthenticateAsServerAsync(peer ?? _files.PeerServer(), Token);
        try
        {
            return (await TlsConnection.ConnectAsync(near, settings ?? _files.Client(), host, Token), server);
        }
        catch
        {
            await Assert.ThrowsAnyAsync<Exception>(() => accepting);
            await server.DisposeAsync();
            throw;
        }
        finally
        {
            if (!accepting.IsFaulted)
                await accepting;
        }
    }

    private static async Task<(TransportConnection Near, Socket Far)> TcpAsync()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Task<Socket> accepting = listener.AcceptSocketAsync(Token).AsTask();
        TransportConnection near = await Transport.ConnectTcpAsync("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port, Token);
        return (near, await accepting);
    }

    /// <summary>Ours as the server, and the framework's as the client, which trusts anybody.</summary>
    private async Task<(TlsConnection Ours, SslStream Peer)> AcceptAsync(TlsServerSettings settings, X509Certificate2? certificate = null)
    {
        (TransportConnection near, Socket far) = await TcpAsync();
        SslStream client = new(new NetworkStream(far, ownsSocket: true));
        Task shaking = client.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = "origin.test",
                RemoteCertificateValidationCallback = static (_, _, _, _) => true,
                ClientCertificates = certificate is null ? null : [certificate],
            }, Token);
        try
        {
            TlsConnection ours = await TlsConnection.AcceptAsync(near, settings, Token);
            await shaking;
            return (ours, client);
        }
        catch
        {
            await Task.WhenAny(shaking);
            await client.DisposeAsync();
            throw;
        }
    }

    private static async Task<byte[]> ReadToEndAsync(PipeReader input)
    {
        while (true)
        {
            ReadResult read = await input.ReadAsync(Token);
            if (read.IsCompleted)
                return read.Buffer.ToArray();
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    [Theory]
    [InlineData(SslProtocols.Tls12, "TLSv1.2")]
    [InlineData(SslProtocols.Tls13, "TLSv1.3")]
    public async Task Halves_close_one_by_one_in_both_roles(SslProtocols protocol, string version)
    {
        SslServerAuthenticationOptions options = _files.PeerServer();
        options.EnabledSslProtocols = protocol;
        (TlsConnection ours, SslStream peer) = await ConnectAsync(peer: options);
        await using (ours)
        await using (peer)
        {
            Assert.Equal(version, ours.Version);
            Assert.StartsWith("127.0.0.1:", ours.RemoteAddress);
            Assert.Null(ours.Peer);
            // Ours first: the peer reads the end, and what it sends after that still comes.
            await ours.Output.WriteAsync("question"u8.ToArray(), Token);
            await ours.Output.CompleteAsync();
            using StreamReader reader = new(peer, leaveOpen: true);
            Assert.Equal("question", await reader.ReadToEndAsync(Token));
            await peer.WriteAsync("answer"u8.ToArray(), Token);
            await peer.ShutdownAsync();
            Assert.Equal("answer"u8.ToArray(), await ReadToEndAsync(ours.Input));
        }

        (ours, peer) = await AcceptAsync(_files.Server());
        await using (ours)
        await using (peer)
        {
            // The peer first.
            await peer.WriteAsync("question"u8.ToArray(), Token);
            await peer.ShutdownAsync();
            Assert.Equal("question"u8.ToArray(), await ReadToEndAsync(ours.Input));
            await ours.Output.WriteAsync("answer"u8.ToArray(), Token);
            await ours.Output.CompleteAsync();
            byte[] answer = new byte[16];
            Assert.Equal(6, await peer.ReadAtLeastAsync(answer, 16, throwOnEndOfStream: false, Token));
        }
    }

    [Fact]
    public async Task Much_in_both_directions_at_once_arrives_whole()
    {
        byte[] there = RandomNumberGenerator.GetBytes(Much), back = RandomNumberGenerator.GetBytes(Much);
        (TlsConnection ours, SslStream peer) = await ConnectAsync();
        await using (ours)
        await using (peer)
        {
            Task sending = Task.Run(async () =>
            {
                for (int at = 0; at < Much; at += 100_000)
                    await ours.Output.WriteAsync(there.AsMemory(at, Math.Min(100_000, Much - at)), Token);
                await ours.Output.CompleteAsync();
            }, Token);
            Task answering = Task.Run(async () =>
            {
                await peer.WriteAsync(back, Token);
                await peer.ShutdownAsync();
            }, Token);
            Task<byte[]> arriving = Task.Run(async () =>
            {
                MemoryStream all = new(Much);
                await peer.CopyToAsync(all, Token);
                return all.ToArray();
            }, Token);
            MemoryStream came = new(Much);
            await ours.Input.CopyToAsync(came, Token);
            await Task.WhenAll(sending, answering);
            byte[] arrived = await arriving;
            Assert.True(back.AsSpan().SequenceEqual(came.ToArray()));
            Assert.True(there.AsSpan().SequenceEqual(arrived));
        }
    }

    [Theory]
    [InlineData("origin.test", "origin.test,127.0.0.1", null)]
    [InlineData("127.0.0.1", "origin.test,127.0.0.1", null)]
    [InlineData("::1", "::1", null)]
    [InlineData("a.wild.test", "*.wild.test", null)]
    [InlineData("other.test", "origin.test,second.test,127.0.0.1", "x509: certificate is valid for origin.test, second.test, not other.test")]
    [InlineData("127.0.0.2", "origin.test,127.0.0.1,::1", "x509: certificate is valid for 127.0.0.1, ::1, not 127.0.0.2")]
    [InlineData("127.0.0.2", "origin.test", "x509: cannot validate certificate for 127.0.0.2 because it doesn't contain any IP SANs")]
    [InlineData("other.test", "", "x509: certificate is valid for named, not other.test")]
    public async Task A_certificate_is_for_the_names_that_it_has(string host, string names, string? error)
    {
        _files.Issue("named", names);
        if (error is null)
        {
            (TlsConnection ours, SslStream peer) = await ConnectAsync(peer: _files.PeerServer("named"), host: host);
            await ours.DisposeAsync();
            await peer.DisposeAsync();
            return;
        }
        IOException e = await Assert.ThrowsAsync<IOException>(() => ConnectAsync(peer: _files.PeerServer("named"), host: host));
        Assert.Equal($"tls: failed to verify certificate: {error}", e.Message);
        // Whoever does not verify does not ask for a name either.
        (TlsConnection careless, SslStream same) = await ConnectAsync(new TlsSettings { Trust = TlsTrust.Anybody }, _files.PeerServer("named"), host);
        await careless.DisposeAsync();
        await same.DisposeAsync();
    }

    [Theory]
    [InlineData("main", TlsFiles.ServerAuth, -9, -1, "x509: certificate has expired or is not yet valid: current time .* is after .*Z")]
    [InlineData("main", TlsFiles.ServerAuth, 1, 9, "x509: certificate has expired or is not yet valid: current time .* is before .*Z")]
    [InlineData("other", TlsFiles.ServerAuth, -1, 9, "x509: certificate signed by unknown authority")]
    [InlineData("main", TlsFiles.ClientAuth, -1, 9, "x509: certificate specifies an incompatible key usage")]
    public async Task A_certificate_that_is_not_trusted_is_told_in_gos_words(string authority, string usage, int from, int to, string error)
    {
        _files.Issue("bad", "origin.test", usage, authority, from, to);
        foreach (TlsTrust trust in (TlsTrust[])[TlsTrust.Files, TlsTrust.SystemAndFiles])
        {
            IOException e = await Assert.ThrowsAsync<IOException>(() => ConnectAsync(_files.Client() with { Trust = trust }, _files.PeerServer("bad")));
            Assert.Matches($"^tls: failed to verify certificate: {error}$", e.Message);
        }
    }

    [Fact]
    public async Task The_systems_authorities_do_not_include_a_test()
    {
        Assert.Equal("tls: failed to verify certificate: x509: certificate signed by unknown authority", (await Assert.ThrowsAsync<IOException>(() => ConnectAsync(new TlsSettings()))).Message);
        (TlsConnection ours, SslStream peer) = await ConnectAsync(_files.Client() with { Trust = TlsTrust.SystemAndFiles });
        await ours.DisposeAsync();
        await peer.DisposeAsync();
    }

    [Fact]
    public async Task Clients_certificates_are_asked_for_and_verified()
    {
        using X509Certificate2 good = _files.Load("client"), bad = _files.Load("stranger");
        (TlsConnection ours, SslStream peer) = await AcceptAsync(_files.Server(verify: true), good);
        await ours.DisposeAsync();
        await peer.DisposeAsync();
        Assert.Equal("tls: client didn't provide a certificate", (await Assert.ThrowsAsync<IOException>(() => AcceptAsync(_files.Server(verify: true)))).Message);
        Assert.Equal("tls: failed to verify certificate: x509: certificate signed by unknown authority", (await Assert.ThrowsAsync<IOException>(() => AcceptAsync(_files.Server(verify: true), bad))).Message);
    }

    [Fact]
    public async Task Ours_shows_the_certificate_that_the_server_asks_for_and_hears_why_it_is_refused()
    {
        // Refused only after the client's handshake, in TLS 1.3: the reason comes with the first read.
        foreach ((string[] shown, bool served) in ((string[], bool)[])[(["stranger", "client"], true), (["stranger"], false), ([], false)])
        {
            (TransportConnection client, TransportConnection server) = TlsFiles.Pair();
            Task<TlsConnection> accepting = TlsConnection.AcceptAsync(server, _files.Server(verify: true), Token).AsTask();
            TlsSettings settings = _files.Client() with { Certificates = [.. shown.Select(_files.Pair)] };
            await using TlsConnection ours = await TlsConnection.ConnectAsync(client, settings, "origin.test", Token);
            if (served)
            {
                await using TlsConnection theirs = await accepting;
                await theirs.Output.WriteAsync("hi"u8.ToArray(), Token);
                Assert.Equal(2, (await ours.Input.ReadAsync(Token)).Buffer.Length);
                continue;
            }
            await Assert.ThrowsAsync<IOException>(() => accepting);
            IOException e = await Assert.ThrowsAnyAsync<IOException>(() => ReadToEndAsync(ours.Input));
            Assert.Matches("^remote error: tls: (certificate required|bad certificate|unknown certificate authority)$", e.Message);
        }
    }

    [Fact]
    public async Task An_end_without_a_goodbye_is_no_end()
    {
        (TransportConnection near, Socket far) = await TcpAsync();
        SslStream peer = new(new NetworkStream(far), leaveInnerStreamOpen: true);
        Task accepting = peer.AuthenticateAsServerAsync(_files.PeerServer(), Token);
        await using TlsConnection ours = await TlsConnection.ConnectAsync(near, _files.Client(), "origin.test", Token);
        await accepting;
        await peer.WriteAsync("half"u8.ToArray(), Token);
        far.Shutdown(SocketShutdown.Both); // beneath TLS
        far.Dispose();
        IOException e = await Assert.ThrowsAnyAsync<IOException>(() => ReadToEndAsync(ours.Input));
        Assert.Matches("unexpected EOF|connection reset by peer", e.Message);
    }

    [Fact]
    public async Task An_aborted_connection_is_no_orderly_end_for_the_peer()
    {
        (TlsConnection ours, SslStream peer) = await ConnectAsync();
        await using (peer)
        {
            await ours.Output.WriteAsync("half"u8.ToArray(), Token);
            byte[] four = new byte[4];
            await peer.ReadExactlyAsync(four, Token);
            ours.Abort();
            await Assert.ThrowsAnyAsync<IOException>(async () => await peer.CopyToAsync(Stream.Null, Token));
        }
    }

    [Fact]
    public async Task TLS_runs_over_TLS()
    {
        (TransportConnection client, TransportConnection server) = TlsFiles.Pair();
        Task<TlsConnection> accepting = TlsConnection.AcceptAsync(server, _files.Server(), Token).AsTask();
        TlsConnection outer = await TlsConnection.ConnectAsync(client, _files.Client(), "origin.test", Token);
        // As a proxy does it, which is asked for the tunnel first: what came with the outer handshake's result would be read with that.
        accepting = TlsConnection.AcceptAsync(await accepting, _files.Server(), Token).AsTask();
        await using TlsConnection ours = await TlsConnection.ConnectAsync(outer, _files.Client(), "127.0.0.1", Token);
        await using TlsConnection theirs = await accepting;
        byte[] much = RandomNumberGenerator.GetBytes(1 << 20);
        Task sending = Task.Run(async () =>
        {
            await ours.Output.WriteAsync(much, Token);
            await ours.Output.CompleteAsync();
        }, Token);
        Assert.Equal(much, await ReadToEndAsync(theirs.Input));
        await sending;
        await theirs.Output.WriteAsync("bye"u8.ToArray(), Token);
        await theirs.Output.CompleteAsync();
        Assert.Equal("bye"u8.ToArray(), await ReadToEndAsync(ours.Input));
    }

    [Fact]
    public async Task A_cancelled_handshake_ends_on_both_sides()
    {
        (TransportConnection near, Socket far) = await TcpAsync();
        using (far)
        {
            using CancellationTokenSource soon = new(TimeSpan.FromMilliseconds(100));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await TlsConnection.ConnectAsync(near, _files.Client(), "origin.test", soon.Token));
            byte[] hello = new byte[4096];
            try
            {
                while (await far.ReceiveAsync(hello, Token) > 0)
                    Assert.Equal(22, hello[0]);
            }
            catch (SocketException e)
            {
                Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
            }
        }
    }

    [Fact]
    public async Task What_is_no_TLS_is_told()
    {
        (TransportConnection near, Socket far) = await TcpAsync();
        using (far)
        {
            await far.SendAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), Token);
            IOException e = await Assert.ThrowsAsync<IOException>(async () => await TlsConnection.ConnectAsync(near, _files.Client(), "origin.test", Token));
            Assert.Equal("tls: first record does not look like a TLS handshake", e.Message);
        }
        (near, far) = await TcpAsync();
        far.Shutdown(SocketShutdown.Send);
        using (far)
            Assert.Equal("EOF", (await Assert.ThrowsAsync<IOException>(async () => await TlsConnection.AcceptAsync(near, _files.Server(), Token))).Message);
        (TransportConnection memory, _) = MemoryTransport.CreatePair();
        await Assert.ThrowsAsync<NotSupportedException>(async () => await TlsConnection.ConnectAsync(memory, _files.Client(), "origin.test", Token));
    }

    [Fact]
    public async Task Garbage_at_any_point_of_a_handshake_costs_only_its_connection()
    {
        // What a client sends, recorded once, then changed at one place after another; and cut off there.
        byte[] hello = await RecordHelloAsync();
        (TlsConnection before, SslStream peer) = await ConnectAsync();
        int pid = TlsHelper.CurrentPid;
        Random random = new(1);
        for (int i = 0; i < 300; i++)
        {
            (TransportConnection near, Socket far) = await TcpAsync();
            byte[] sent = [.. hello];
            int at = i * hello.Length / 300;
            if (i % 3 == 0)
                random.NextBytes(sent.AsSpan(at));
            else if (i % 3 == 1)
                sent[at] ^= (byte)random.Next(1, 256);
            else
                sent = sent[..at];
            Task<TlsConnection> accepting = TlsConnection.AcceptAsync(near, _files.Server(verify: true), Token).AsTask();
            await far.SendAsync(sent, Token);
            byte[] noise = RandomNumberGenerator.GetBytes(random.Next(1, 2000));
            await far.SendAsync(noise, Token);
            far.Shutdown(SocketShutdown.Send);
            IOException e = await Assert.ThrowsAnyAsync<IOException>(() => accepting.WaitAsync(TimeSpan.FromSeconds(30), Token));
            Assert.DoesNotContain("helper", e.Message);
            far.Dispose();
        }
        Assert.Equal(pid, TlsHelper.CurrentPid);
        await before.Output.WriteAsync("still"u8.ToArray(), Token);
        await peer.ReadExactlyAsync(new byte[5], Token);
        await before.DisposeAsync();
        await peer.DisposeAsync();
    }

    private async Task<byte[]> RecordHelloAsync()
    {
        (TransportConnection near, Socket far) = await TcpAsync();
        using (far)
        {
            using CancellationTokenSource stop = new();
            Task connecting = TlsConnection.ConnectAsync(near, _files.Client(), "origin.test", stop.Token).AsTask();
            byte[] hello = new byte[4096];
            int length = await far.ReceiveAsync(hello, Token);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => connecting);
            return hello[..length];
        }
    }

    [Fact]
    public async Task A_helper_that_is_killed_costs_its_connections_and_the_next_has_another()
    {
        (TlsConnection ours, SslStream peer) = await ConnectAsync();
        int pid = TlsHelper.CurrentPid;
        Assert.True(pid > 0);
        await peer.WriteAsync("half"u8.ToArray(), Token);
        ReadResult half = await ours.Input.ReadAtLeastAsync(4, Token);
        ours.Input.AdvanceTo(half.Buffer.End);
        Sys.Kill(pid, 9);
        IOException e = await Assert.ThrowsAnyAsync<IOException>(() => ReadToEndAsync(ours.Input));
        Assert.Equal("unexpected EOF", e.Message);
        ours.Abort();
        await peer.DisposeAsync();

        // A dying process closes its descriptors one by one: until it is dead, it may still be sent what it will never do.
        Assert.True(SpinWait.SpinUntil(() => TlsHelper.CurrentPid == 0, TimeSpan.FromSeconds(10)));
        (ours, peer) = await ConnectAsync();
        Assert.NotEqual(pid, TlsHelper.CurrentPid);
        await peer.WriteAsync("whole"u8.ToArray(), Token);
        Assert.Equal(5, (await ours.Input.ReadAtLeastAsync(5, Token)).Buffer.Length);
        await ours.DisposeAsync();
        await peer.DisposeAsync();
    }

    [Fact]
    public void Where_the_machine_has_no_OpenSSL_it_is_said()
    {
        string program = _files["no-openssl"];
        File.WriteAllText(program, "#!/bin/sh\nexit 127\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        End();
        TlsHelper.Substitute = program;
        try
        {
            IOException e = Assert.Throws<IOException>(() => _files.Server().Check());
            Assert.StartsWith("TLS needs OpenSSL 3 (libssl.so.3) on this machine: install libssl3", e.Message);
        }
        finally
        {
            TlsHelper.Substitute = null;
        }
        _files.Server().Check();
    }

    private static void End()
    {
        int pid = TlsHelper.CurrentPid;
        if (pid == 0)
            return;
        Sys.Kill(pid, 9);
        Assert.True(SpinWait.SpinUntil(() => TlsHelper.CurrentPid != pid, TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task The_helper_has_few_rights_and_keeps_nothing()
    {
        (TlsConnection first, SslStream firstPeer) = await ConnectAsync();
        await first.DisposeAsync();
        await firstPeer.DisposeAsync();
        int pid = TlsHelper.CurrentPid;
        string status = File.ReadAllText($"/proc/{pid}/status");
        Assert.Contains("NoNewPrivs:\t1", status);
        Assert.Matches("CapEff:\t000000000000000[04]\n", status);
        Assert.Matches("CapPrm:\t000000000000000[04]\n", status);
        // Root's keys are read by the capability, so it need not be root; without that it has to be who it was.
        if (status.Contains("CapEff:\t0000000000000004\n", StringComparison.Ordinal))
        {
            Assert.Contains("Uid:\t65534\t65534\t65534\t65534\n", status);
            Assert.Contains("Gid:\t65534\t65534\t65534\t65534\n", status);
            Assert.Matches("Groups:\t *\n", status);
        }
        Assert.Contains("Max core file size        0                    0", File.ReadAllText($"/proc/{pid}/limits"));

        await SettleAsync(2);
        int descriptors = Directory.GetFileSystemEntries($"/proc/{pid}/fd").Length, own = Directory.GetFileSystemEntries("/proc/self/fd").Length;
        for (int i = 0; i < 200; i++)
        {
            bool fails = i % 4 == 0;
            try
            {
                (TlsConnection ours, SslStream peer) = await ConnectAsync(host: fails ? "wrong.test" : "origin.test");
                await ours.Output.WriteAsync("x"u8.ToArray(), Token);
                if (i % 4 == 1)
                    ours.Abort();
                await ours.DisposeAsync();
                await peer.DisposeAsync();
            }
            catch (IOException) when (fails)
            {
                continue;
            }
        }
        await SettleAsync(2);
        Assert.Equal(pid, TlsHelper.CurrentPid);
        Assert.InRange(Directory.GetFileSystemEntries($"/proc/{pid}/fd").Length, 0, descriptors);
        Assert.InRange(Directory.GetFileSystemEntries("/proc/self/fd").Length, 0, own + 10);

        // Threads that wait for a peer to take its refusal do so for a second.
        async Task SettleAsync(int threads)
        {
            for (int i = 0; i < 500 && Directory.GetFileSystemEntries($"/proc/{pid}/task").Length >= threads; i++)
                await Task.Delay(20, Token);
            Assert.Single(Directory.GetFileSystemEntries($"/proc/{pid}/task"));
        }
    }

    [Fact]
    public void Hostile_commands_are_refused()
    {
        byte[][] commands =
        [
            [], [1], [9, 0], [3, 9], [3, 0, 1], [3, 0, 1, 255, 255, 65, 0], [3, 0, 1, 0, 0], [3, 0, 1, 2, 0, 65, 65], [3, 0, 1, 3, 0, 65, 0, 0],
            [3, 0, 7, 2, 0, 65, 0], [3, 0, 5, 2, 0, 65, 0], [3, 0, 4, 2, 0, 65, 0], [1, 0], [2, 0], new byte[70_000],
        ];
        foreach (byte[] command in commands)
        {
            if (command.Length == 0)
                continue;
            IOException e = Assert.Throws<IOException>(() => TlsHelper.Check(command));
            Assert.Equal("tls: malformed command", e.Message);
        }
        Assert.Throws<IOException>(() => new TlsSettings { Authorities = [new string('a', 5000)] }.Check());
        Assert.Throws<IOException>(() => new TlsSettings { Authorities = [.. Enumerable.Repeat("/nope", 100)] }.Check());
        Assert.Throws<IOException>(() => new TlsSettings { Authorities = ["a\0b"] }.Check());
        Assert.Equal("open /nope: no such file or directory", Assert.Throws<IOException>(() => new TlsSettings { Trust = TlsTrust.Files, Authorities = ["/nope"] }.Check()).Message);
        _files.Client().Check();
    }
}
