using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AotRuntime.Tests.Functional;

/// <summary>The API over TLS with clients' certificates verified: the real client, ours, and curl.</summary>
public sealed class TlsTests : IDisposable
{
    private const string Address = "127.0.0.1:2375";

    private readonly TempDir _dir = new();
    private readonly Stack _stack;

    public TlsTests()
    {
        MakeCertificates();
        _stack = new Stack(null, "--tlsverify", "--tlscacert", _dir.File("ca.pem"), "--tlscert", _dir.File("server.pem"), "--tlskey", _dir.File("server-key.pem"));
    }

    public void Dispose()
    {
        _stack.Dispose();
        _dir.Dispose();
    }

    [Fact]
    public void Clients_with_a_certificate_are_served_and_no_others()
    {
        foreach (string client in (string[])[Programs.Peer("docker"), Programs.Ours("docker")])
        {
            Assert.Contains("Server:", Docker(client, null, "version").Succeeded().Output);
            Assert.Contains("Hello from AotRuntime!", Docker(client, null, "run", "--rm", "hello-world").Succeeded().Output);
            Assert.Equal("through\n", Docker(client, "through\n", "run", "-i", "--rm", "busybox", "cat").Succeeded().Output);

            // The same by flags.
            string[] flags = ["--tlsverify", "--tlscacert", _dir.File("ca.pem"), "--tlscert", _dir.File("cert.pem"), "--tlskey", _dir.File("key.pem"), "-H", $"tcp://{Address}"];
            Assert.Contains("CONTAINER ID", new Command(client, [.. flags, "ps"]) { NetworkOf = _stack.Network.Pid }.Run().Succeeded().Output);

            string[] stranger = ["--tlsverify", "--tlscacert", _dir.File("ca.pem"), "--tlscert", _dir.File("stranger.pem"), "--tlskey", _dir.File("stranger-key.pem"), "-H", $"tcp://{Address}"];
            new Command(client, [.. stranger, "ps"]) { NetworkOf = _stack.Network.Pid }.Run().Exited(1);

            CommandResult plain = new Command(client, "-H", $"tcp://{Address}", "ps") { NetworkOf = _stack.Network.Pid }.Run().Exited(1);
            Assert.Contains("Client sent an HTTP request to an HTTPS server.", plain.Error);
        }

        string[] certificate = ["--cacert", _dir.File("ca.pem"), "--cert", _dir.File("cert.pem"), "--key", _dir.File("key.pem")];
        Assert.Equal("OK", _stack.Curl([.. certificate, $"https://{Address}/_ping"]).Succeeded().Output);
        Assert.NotEqual(0, _stack.Curl("--cacert", _dir.File("ca.pem"), $"https://{Address}/_ping").ExitCode);
    }

    /// <summary>A registry behind TLS of another make (Python's). That its certificate is verified, and by whom, RegistryTlsTests has.</summary>
    [Fact]
    public void Images_come_over_https()
    {
        File.WriteAllText(_dir.File("front.py"), """
            import socket, ssl, sys, threading
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[1], sys.argv[2])
            def move(source, target):
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            def serve(plain):
                try:
                    front = context.wrap_socket(plain, server_side=True)
                except OSError:
                    return
                print(front.version(), flush=True)
                back = socket.create_connection(('127.0.0.1', 5000))
                threading.Thread(target=move, args=(front, back), daemon=True).start()
                move(back, front)
            listener = socket.create_server(('127.0.0.1', 5443))
            print('ready', flush=True)
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
            """);
        using Daemon front = new(new Command("python3", _dir.File("front.py"), _dir.File("server.pem"), _dir.File("server-key.pem")) { NetworkOf = _stack.Network.Pid });
        front.WaitUntil(() => front.Log.Contains("ready"), "front of the registry");
        Assert.Contains("Downloaded newer image", Docker(Programs.Ours("docker"), null, "pull", "127.0.0.1:5443/busybox").Succeeded().Output);
        Assert.Contains("TLSv1.3", front.Log);
        Assert.Equal("here\n", Docker(Programs.Ours("docker"), null, "run", "--rm", "127.0.0.1:5443/busybox", "echo", "here").Succeeded().Output);
    }

    [Fact]
    public void Files_that_are_missing_are_told()
    {
        CommandResult result = new Command(
            Programs.Ours("dockerd"), "--tlsverify", "--tlscacert", "/nope", "--tlscert", "/nope", "--tlskey", "/nope", "-H", "tcp://127.0.0.1:0",
            "--data-root", _dir.File("d"), "--exec-root", _dir.File("e"), "--pidfile", _dir.File("p")).Run().Exited(1);
        Assert.Contains("could not load X509 key pair (cert: \"/nope\", key: \"/nope\"): open /nope: no such file or directory", result.Error.Replace("\\\"", "\"", StringComparison.Ordinal));
    }

    private CommandResult Docker(string client, string? input, params string[] arguments) => new Command(client, arguments)
    {
        NetworkOf = _stack.Network.Pid,
        Input = input,
        Environment = { ["DOCKER_HOST"] = $"tcp://{Address}", ["DOCKER_TLS_VERIFY"] = "1", ["DOCKER_CERT_PATH"] = _dir.Path, ["DOCKER_CONFIG"] = _dir.File("config") },
    }.Run();

    private void MakeCertificates()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256), otherKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 authority = Authority(key), other = Authority(otherKey);
        File.WriteAllText(_dir.File("ca.pem"), authority.ExportCertificatePem());
        Issue(authority, "server.pem", "server-key.pem", "1.3.6.1.5.5.7.3.1");
        Issue(authority, "cert.pem", "key.pem", "1.3.6.1.5.5.7.3.2");
        Issue(other, "stranger.pem", "stranger-key.pem", "1.3.6.1.5.5.7.3.2");
    }

    private static X509Certificate2 Authority(ECDsa key)
    {
        CertificateRequest request = new("CN=authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(2));
    }

    private void Issue(X509Certificate2 authority, string certificate, string keyFile, string usage)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        using X509Certificate2 issued = request.Create(authority, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(_dir.File(certificate), issued.ExportCertificatePem());
        File.WriteAllText(_dir.File(keyFile), key.ExportPkcs8PrivateKeyPem());
    }
}
