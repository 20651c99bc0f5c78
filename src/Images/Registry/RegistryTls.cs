using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace AotRuntime.Images.Registry;

/// <summary>TLS towards registries: the system's authorities, and what <c>certs.d</c> holds for a host.</summary>
internal static class RegistryTls
{
    /// <summary>The settings for a host.</summary>
    /// <exception cref="RegistryException">The host's folder holds a certificate without its key.</exception>
    public static SslClientAuthenticationOptions OptionsFor(RegistryEndpoint endpoint, string certificateDirectory)
    {
        (X509Certificate2Collection authorities, X509CertificateCollection clients) = Load(Path.Combine(certificateDirectory, endpoint.Authority));
        SslClientAuthenticationOptions options = new() { TargetHost = endpoint.Host, ClientCertificates = clients.Count > 0 ? clients : null };
        if (endpoint.SkipVerify)
            options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        else if (authorities.Count > 0)
            options.RemoteCertificateValidationCallback = (_, certificate, chain, errors) => Trusts(certificate, chain, errors, authorities);
        return options;
    }

    /// <summary>The host's own authorities count besides the system's.</summary>
    private static bool Trusts(X509Certificate? certificate, X509Chain? sent, SslPolicyErrors errors, X509Certificate2Collection authorities)
    {
        if (errors == SslPolicyErrors.None)
            return true;
        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 leaf)
            return false;
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        // Server authentication: a certificate made for something else does not count.
        chain.ChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid("1.3.6.1.5.5.7.3.1"));
        if (sent is not null)
        {
            foreach (X509ChainElement element in sent.ChainElements)
                chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }
        return chain.Build(leaf);
    }

    private static (X509Certificate2Collection Authorities, X509CertificateCollection Clients) Load(string folder)
    {
        X509Certificate2Collection authorities = [];
        X509CertificateCollection clients = [];
        if (!Directory.Exists(folder))
            return (authorities, clients);
        foreach (string file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            switch (Path.GetExtension(file))
            {
                case ".crt":
                    authorities.ImportFromPemFile(file);
                    break;
                case ".cert":
                    string key = Path.ChangeExtension(file, ".key");
                    if (!File.Exists(key))
                    {
                        throw new RegistryException(
                            $"missing key {Path.GetFileName(key)} for client certificate {Path.GetFileName(file)}. CA certificates must use the extension .crt",
                            RegistryFailure.Invalid);
                    }
                    clients.Add(X509Certificate2.CreateFromPemFile(file, key));
                    break;
            }
        }
        return (authorities, clients);
    }
}
