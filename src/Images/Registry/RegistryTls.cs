using AotRuntime.Http;

namespace AotRuntime.Images.Registry;

/// <summary>TLS towards registries: the system's authorities, and what <c>certs.d</c> holds for a host.</summary>
internal static class RegistryTls
{
    /// <summary>The settings for a host. The host's own authorities count besides the system's.</summary>
    /// <exception cref="RegistryException">The host's folder holds a certificate without its key.</exception>
    public static TlsSettings SettingsFor(RegistryEndpoint endpoint, string certificateDirectory)
    {
        (List<string> authorities, List<TlsKeyPair> clients) = Find(Path.Combine(certificateDirectory, endpoint.Authority));
        return new TlsSettings
        {
            ServerName = endpoint.Host,
            Trust = endpoint.SkipVerify ? TlsTrust.Anybody : TlsTrust.SystemAndFiles,
            Authorities = authorities,
            Certificates = clients,
        };
    }

    private static (List<string> Authorities, List<TlsKeyPair> Clients) Find(string folder)
    {
        List<string> authorities = [];
        List<TlsKeyPair> clients = [];
        if (!Directory.Exists(folder))
            return (authorities, clients);
        foreach (string file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            switch (Path.GetExtension(file))
            {
                case ".crt":
                    authorities.Add(file);
                    break;
                case ".cert":
                    string key = Path.ChangeExtension(file, ".key");
                    if (!File.Exists(key))
                    {
                        throw new RegistryException(
                            $"missing key {Path.GetFileName(key)} for client certificate {Path.GetFileName(file)}. CA certificates must use the extension .crt",
                            RegistryFailure.Invalid);
                    }
                    clients.Add(new TlsKeyPair(file, key));
                    break;
            }
        }
        return (authorities, clients);
    }
}
