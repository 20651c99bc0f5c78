using AotRuntime.Http;
using AotRuntime.Images.Registry;
using AotRuntime.Tests.Unit.Http;

namespace AotRuntime.Tests.Unit.Images;

/// <summary>What <c>certs.d</c> says of a host.</summary>
public sealed class RegistryTlsTests : IDisposable
{
    private readonly TlsFiles _files = new TlsFiles()
        .Issue("server", "127.0.0.1")
        .Issue("client", "client", TlsFiles.ClientAuth)
        .Issue("stranger", "client", TlsFiles.ClientAuth, "other");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _files.Dispose();

    private string FolderOf(RegistryEndpoint endpoint) => Directory.CreateDirectory(Path.Combine(_files["certs.d"], endpoint.Authority)).FullName;

    [Fact]
    public async Task A_hosts_own_authorities_and_certificates_are_used()
    {
        await using TlsListener listener = new(Transport.ListenTcp("127.0.0.1", 0), _files.Server(verify: true));
        RegistryEndpoint endpoint = new() { Host = "127.0.0.1", Port = new Uri(listener.Address).Port, Tls = true };
        using CancellationTokenSource stopping = new();
        Task serving = new HttpServer(static exchange =>
        {
            exchange.Write("served");
            return ValueTask.CompletedTask;
        }).RunAsync(listener, stopping.Token, TimeSpan.FromSeconds(1));
        Assert.Contains("x509: certificate signed by unknown authority", (await Assert.ThrowsAsync<IOException>(() => GetAsync(endpoint))).Message);

        string folder = FolderOf(endpoint);
        File.Copy(_files.Authority("main"), Path.Combine(folder, "ca.crt"));
        await Assert.ThrowsAnyAsync<IOException>(() => GetAsync(endpoint)); // it wants a certificate

        foreach (string name in (string[])["stranger", "client"])
        {
            File.Copy(_files.Pair(name).Certificate, Path.Combine(folder, $"{name}.cert"));
            File.Copy(_files.Pair(name).Key, Path.Combine(folder, $"{name}.key"));
        }
        Assert.Equal("served", await GetAsync(endpoint));
        await stopping.CancelAsync();
        await serving;
    }

    private async Task<string> GetAsync(RegistryEndpoint endpoint)
    {
        TlsSettings settings = RegistryTls.SettingsFor(endpoint, _files["certs.d"]);
        await using HttpClient client = new(new HttpEndpoint { Host = endpoint.Host, Port = endpoint.Port, Tls = settings });
        await using HttpResponse response = await client.SendAsync(new HttpRequest { Target = "/v2/" }, Token);
        return await response.ReadTextAsync(cancellationToken: Token);
    }

    [Fact]
    public void A_certificate_without_its_key_is_told_and_an_insecure_registry_is_not_verified()
    {
        RegistryEndpoint endpoint = new() { Host = "r.test", Port = 5000, Tls = true, SkipVerify = true };
        Assert.Equal(TlsTrust.Anybody, RegistryTls.SettingsFor(endpoint, _files["certs.d"]).Trust);
        File.WriteAllText(Path.Combine(FolderOf(endpoint), "c.cert"), "");
        RegistryException e = Assert.Throws<RegistryException>(() => RegistryTls.SettingsFor(endpoint, _files["certs.d"]));
        Assert.Equal("missing key c.key for client certificate c.cert. CA certificates must use the extension .crt", e.Message);
    }
}
