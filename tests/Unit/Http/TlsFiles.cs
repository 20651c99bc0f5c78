using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AotRuntime.Http;
using AotRuntime.Linux;

namespace AotRuntime.Tests.Unit.Http;

/// <summary>A folder of certificates: NAME.pem and NAME.key, and the authorities' NAME-ca.pem; made by the framework's own code.</summary>
public sealed class TlsFiles : IDisposable
{
    public const string ServerAuth = "1.3.6.1.5.5.7.3.1", ClientAuth = "1.3.6.1.5.5.7.3.2";

    private readonly string _folder = Directory.CreateTempSubdirectory("aotruntime-tls-").FullName;
    private readonly Dictionary<string, X509Certificate2> _authorities = [];

    public string this[string name] => Path.Combine(_folder, name);

    public TlsKeyPair Pair(string name) => new(this[$"{name}.pem"], this[$"{name}.key"]);

    /// <summary>Trusts the authority "main" alone.</summary>
    public TlsSettings Client(string? name = null, params string[] protocols) => new()
    {
        Trust = TlsTrust.Files,
        Authorities = [Authority("main")],
        Certificates = name is null ? [] : [Pair(name)],
        Protocols = protocols,
    };

    public TlsServerSettings Server(string name = "server", bool verify = false) => new() { Certificate = Pair(name), ClientAuthority = verify ? Authority("main") : null };

    /// <summary>What a server of the framework's shows.</summary>
    public SslServerAuthenticationOptions PeerServer(string name = "server") => new() { ServerCertificate = Load(name) };

    public X509Certificate2 Load(string name)
    {
        using X509Certificate2 bare = X509Certificate2.CreateFromPemFile(this[$"{name}.pem"], this[$"{name}.key"]);
        return X509CertificateLoader.LoadPkcs12(bare.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>The path of an authority's certificate, made when first asked for.</summary>
    public string Authority(string name)
    {
        string path = this[$"{name}-ca.pem"];
        if (!_authorities.ContainsKey(name))
        {
            using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            X509Certificate2 made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-20), DateTimeOffset.UtcNow.AddDays(20));
            _authorities.Add(name, made);
            File.WriteAllText(path, made.ExportCertificatePem());
        }
        return path;
    }

    /// <summary>Issues a certificate; names that are addresses become IP SANs.</summary>
    public TlsFiles Issue(string file, string names, string usage = ServerAuth, string authority = "main", int fromDays = -2, int toDays = 2)
    {
        Authority(authority);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string[] all = names.Split(',', StringSplitOptions.RemoveEmptyEntries);
        CertificateRequest request = new($"CN={file}", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder alternatives = new();
        foreach (string name in all)
        {
            if (System.Net.IPAddress.TryParse(name, out System.Net.IPAddress? address))
                alternatives.AddIpAddress(address);
            else
                alternatives.AddDnsName(name);
        }
        if (all.Length > 0)
            request.CertificateExtensions.Add(alternatives.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using X509Certificate2 issued = request.Create(_authorities[authority], now.AddDays(fromDays), now.AddDays(toDays), RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(this[$"{file}.pem"], issued.ExportCertificatePem());
        File.WriteAllText(this[$"{file}.key"], key.ExportPkcs8PrivateKeyPem());
        return this;
    }

    /// <summary>A connected pair of sockets.</summary>
    public static (TransportConnection Client, TransportConnection Server) Pair()
    {
        (Microsoft.Win32.SafeHandles.SafeFileHandle one, Microsoft.Win32.SafeHandles.SafeFileHandle two) = Sys.UnixPair(messages: false);
        return (Own(one), Own(two));

        static TransportConnection Own(Microsoft.Win32.SafeHandles.SafeFileHandle file)
        {
            int fd = (int)file.DangerousGetHandle();
            file.SetHandleAsInvalid();
            return Transport.FromFd(fd);
        }
    }

    public void Dispose()
    {
        foreach (X509Certificate2 authority in _authorities.Values)
            authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
