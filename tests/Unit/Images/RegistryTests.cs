using System.Collections.Concurrent;
using System.Text;
using AotRuntime.Http;
using AotRuntime.Images;
using AotRuntime.Images.Registry;

namespace AotRuntime.Tests.Unit.Images;

/// <summary>The client against registries that behave in all the ways registries do, and against our own server.</summary>
public sealed class RegistryTests : IAsyncDisposable
{
    private static readonly byte[] s_blob = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 7))];
    private static readonly Descriptor s_descriptor = new() { MediaType = MediaTypes.OciLayerGzip, Digest = Digest.Sha256(s_blob), Size = s_blob.Length };
    private static readonly byte[] s_manifest = Encoding.UTF8.GetBytes(
        $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciManifest}}","config":{"mediaType":"{{MediaTypes.OciConfig}}","digest":"{{s_descriptor.Digest}}","size":1},"layers":[]}""");

    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _servers = [];

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_servers);
        _stop.Dispose();
    }

    [Fact]
    public async Task Answers_a_bearer_challenge_and_keeps_the_token()
    {
        ConcurrentQueue<string> asked = new();
        string host = "";
        host = Serve(x =>
        {
            asked.Enqueue($"{x.Path}?{x.QueryString} {x.RequestHeaders["Authorization"]}");
            if (x.Path == "/token")
                x.Respond(200, "application/json", """{"token":"T1","expires_in":300}"""u8);
            else if (x.RequestHeaders["Authorization"] != "Bearer T1")
                Challenge(x, $"Bearer realm=\"http://{host}/token\",service=\"s\",scope=\"repository:a/b:pull\"");
            else
                x.Respond(200, MediaTypes.OciManifest, s_manifest);
        });
        await using RegistryClient client = ClientOf($"{host}/a/b:1", new RegistryAuth { Username = "u", Password = "p" });
        await client.ResolveAsync(TestContext.Current.CancellationToken);
        await client.ResolveAsync(TestContext.Current.CancellationToken);
        Assert.Equal(
            [
                "/v2/a/b/manifests/1? ", "/token?service=s&scope=repository%3Aa%2Fb%3Apull&account=u Basic dTpw", "/v2/a/b/manifests/1? Bearer T1", "/v2/a/b/manifests/1? Bearer T1",
            ],
            asked);
    }

    [Fact]
    public async Task Basic_without_credentials_says_so_and_wrong_ones_are_not_repeated()
    {
        int requests = 0;
        string host = Serve(x =>
        {
            Interlocked.Increment(ref requests);
            Challenge(x, "Basic realm=\"r\"");
        });
        await using RegistryClient without = ClientOf($"{host}/x:1");
        Assert.Equal($"Head \"http://{host}/v2/x/manifests/1\": no basic auth credentials", (await Assert.ThrowsAsync<RegistryException>(async () => await without.ResolveAsync())).Message);
        requests = 0;
        await using RegistryClient wrong = ClientOf($"{host}/x:1", new RegistryAuth { Username = "u", Password = "wrong" });
        RegistryException error = await Assert.ThrowsAsync<RegistryException>(async () => await wrong.ResolveAsync());
        Assert.Equal((RegistryFailure.Unauthorized, "unauthorized: authentication required", 2), (error.Failure, error.Message, requests));
    }

    [Fact]
    public async Task Credentials_do_not_follow_a_redirect_to_another_host()
    {
        string? seen = "nothing";
        string elsewhere = Serve(x =>
        {
            seen = x.RequestHeaders["Authorization"];
            x.Respond(200, "application/octet-stream", s_blob);
        });
        string host = Serve(x =>
        {
            if (x.RequestHeaders["Authorization"] is null)
            {
                Challenge(x, "Basic realm=\"r\"");
            }
            else if (x.Path.Contains("blobs", StringComparison.Ordinal))
            {
                x.StatusCode = 307;
                x.ResponseHeaders["Location"] = $"http://{elsewhere}/store?sig=1";
            }
            else
            {
                x.Respond(200, MediaTypes.OciManifest, s_manifest);
            }
        });
        await using RegistryClient client = ClientOf($"{host}/x:1", new RegistryAuth { Username = "u", Password = "p" });
        await client.ResolveAsync(TestContext.Current.CancellationToken);
        Assert.Equal(s_blob, await FetchAsync(client, s_descriptor));
        Assert.Null(seen);
    }

    [Fact]
    public async Task A_broken_download_goes_on_where_it_broke()
    {
        ConcurrentQueue<string?> ranges = new();
        string host = Serve(x =>
        {
            if (!x.Path.Contains("blobs", StringComparison.Ordinal))
            {
                x.Respond(200, MediaTypes.OciManifest, s_manifest);
                return;
            }
            ranges.Enqueue(x.RequestHeaders["Range"]);
            int start = 0;
            if (x.RequestHeaders["Range"] is { } range)
            {
                start = int.Parse(range["bytes=".Length..^1]);
                x.StatusCode = 206;
            }
            x.ResponseHeaders["Content-Length"] = (s_blob.Length - start).ToString();
            x.Write(s_blob.AsSpan(start, Math.Min(100_000, s_blob.Length - start)));
            if (start + 100_000 < s_blob.Length)
            {
                x.ResponseBody.FlushAsync().AsTask().Wait();
                x.Connection.Output.FlushAsync().AsTask().Wait();
                Thread.Sleep(100);
                x.Connection.Abort();
            }
        });
        await using RegistryClient client = ClientOf($"{host}/x:1");
        await client.ResolveAsync(TestContext.Current.CancellationToken);
        Assert.Equal(s_blob, await FetchAsync(client, s_descriptor));
        Assert.Null(ranges.First());
        Assert.True(ranges.Count > 1);
        Assert.All(ranges.Skip(1), r => Assert.StartsWith("bytes=", r));
    }

    [Fact]
    public async Task Other_bytes_more_bytes_and_fewer_bytes_are_refused()
    {
        byte[] body = s_blob;
        bool chunked = false;
        string host = Serve(x =>
        {
            if (!x.Path.Contains("blobs", StringComparison.Ordinal))
                x.Respond(200, MediaTypes.OciManifest, s_manifest);
            else if (chunked)
                x.Write(body);
            else
                x.Respond(200, "application/octet-stream", body);
        });
        await using RegistryClient client = ClientOf($"{host}/x:1");
        await client.ResolveAsync(TestContext.Current.CancellationToken);
        foreach ((byte[] wrong, bool inChunks) in (ReadOnlySpan<(byte[], bool)>)[([.. s_blob[..^1], 1], false), ([.. s_blob, 1], false), ([.. s_blob, 1], true), (s_blob[..^1], false)])
        {
            (body, chunked) = (wrong, inChunks);
            RegistryException error = Assert.Throws<RegistryException>(() => FetchAsync(client, s_descriptor).GetAwaiter().GetResult());
            Assert.Equal((RegistryFailure.Corrupt, $"filesystem layer verification failed for digest {s_descriptor.Digest}"), (error.Failure, error.Message));
        }
    }

    [Theory]
    [InlineData(404, """{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}""", "manifest for HOST/x:1 not found: manifest unknown: manifest unknown")]
    [InlineData(404, """{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}""", "repository HOST/x not found: name unknown: repository name not known to registry")]
    [InlineData(403, """{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}""", "pull access denied for HOST/x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied")]
    [InlineData(429, """{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}""", "toomanyrequests: slow down")]
    [InlineData(500, "oops", "received unexpected HTTP status: 500 Internal Server Error")]
    [InlineData(404, "404 page not found", "error parsing HTTP 404 response body: 404 page not found")]
    [InlineData(200, "{", "unsupported manifest format")]
    [InlineData(200, """{"schemaVersion":2,"mediaType":"application/vnd.example"}""", "unsupported media type application/vnd.example")]
    [InlineData(200, """{"schemaVersion":2,"layers":[],"manifests":[]}""", "unsupported media type application/vnd.oci.image.manifest.v1+json")]
    [InlineData(200, """{"schemaVersion":1,"fsLayers":[]}""", "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of HOST/x:1 to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/")]
    public async Task Speaks_as_docker_of_what_went_wrong(int status, string body, string message)
    {
        string host = Serve(x => x.Respond(status, status == 200 ? MediaTypes.OciManifest : "application/json", Encoding.UTF8.GetBytes(body)));
        await using RegistryClient client = ClientOf($"{host}/x:1");
        Assert.Equal(message.Replace("HOST", host), (await Assert.ThrowsAsync<RegistryException>(async () => await client.ResolveAsync())).Message);
    }

    [Fact]
    public async Task A_manifest_by_digest_must_be_that_manifest_and_no_manifest_may_be_huge()
    {
        byte[] body = s_manifest;
        string host = Serve(x => x.Respond(200, MediaTypes.OciManifest, body));
        await using RegistryClient wrong = ClientOf($"{host}/x@{s_descriptor.Digest}");
        Assert.Equal($"manifest verification failed for digest {s_descriptor.Digest}", (await Assert.ThrowsAsync<RegistryException>(async () => await wrong.ResolveAsync())).Message);
        body = new byte[(4 << 20) + 1];
        await using RegistryClient huge = ClientOf($"{host}/x:1");
        Assert.Equal(RegistryFailure.Invalid, (await Assert.ThrowsAsync<RegistryException>(async () => await huge.ResolveAsync())).Failure);
    }

    [Fact]
    public async Task Pulls_from_our_own_server()
    {
        string root = Directory.CreateTempSubdirectory("aot-registry-").FullName;
        try
        {
            string layout = Path.Combine(root, "hello-world");
            Directory.CreateDirectory(Path.Combine(layout, "blobs/sha256"));
            Digest manifest = Digest.Sha256(s_manifest);
            File.WriteAllBytes(Path.Combine(layout, "blobs/sha256", manifest.Hex), s_manifest);
            File.WriteAllBytes(Path.Combine(layout, "blobs/sha256", s_descriptor.Digest.Hex), s_blob);
            File.WriteAllText(Path.Combine(layout, "index.json"), $$"""{"schemaVersion":2,"manifests":[{"mediaType":"{{MediaTypes.OciManifest}}","digest":"{{manifest}}","size":{{s_manifest.Length}}}]}""");
            string host = Serve(new RegistryServer(new LayoutStore(root)).HandleAsync);
            foreach (string name in (string[])["hello-world", "library/hello-world:latest", $"hello-world@{manifest}"])
            {
                await using RegistryClient client = ClientOf($"{host}/{name}");
                Assert.Equal(manifest, (await client.ResolveAsync(TestContext.Current.CancellationToken)).Descriptor.Digest);
                Assert.Equal(s_blob, await FetchAsync(client, s_descriptor));
            }
            await using RegistryClient lister = ClientOf($"{host}/hello-world");
            Assert.Equal(["latest"], await lister.ListTagsAsync(TestContext.Current.CancellationToken));
        }
        finally
        {
            Directory.Delete(root, true);
        }
    }

    [Theory]
    [InlineData("docker.io", "https://registry-1.docker.io")]
    [InlineData("127.0.0.1:5000", "https://127.0.0.1:5000 http://127.0.0.1:5000")]
    [InlineData("[::1]:5000", "https://[::1]:5000 http://[::1]:5000")]
    [InlineData("localhost", "https://localhost http://localhost")]
    [InlineData("r.example", "https://r.example")]
    [InlineData("10.1.2.3:80", "https://10.1.2.3:80 http://10.1.2.3")]
    [InlineData("named.example:5000", "https://named.example:5000 http://named.example:5000")]
    public void Knows_where_to_go(string domain, string urls)
    {
        RegistryOptions options = new() { InsecureRegistries = ["10.0.0.0/8", "named.example:5000"] };
        Assert.Equal(urls, string.Join(' ', RegistryEndpoint.For(domain, options).Select(e => e.Url)));
    }

    private static void Challenge(HttpExchange exchange, string challenge)
    {
        exchange.ResponseHeaders["WWW-Authenticate"] = challenge;
        exchange.Respond(401, "application/json", "{}"u8);
    }

    private static RegistryClient ClientOf(string reference, RegistryAuth? auth = null) =>
        new(ImageReference.Parse(reference), auth ?? RegistryAuth.None, new RegistryOptions { RetryDelay = TimeSpan.FromMilliseconds(1) });

    private static async Task<byte[]> FetchAsync(RegistryClient client, Descriptor descriptor)
    {
        using MemoryStream got = new();
        await client.CopyBlobAsync(
            descriptor,
            (data, _) =>
            {
                got.Write(data.Span);
                return ValueTask.CompletedTask;
            },
            TestContext.Current.CancellationToken);
        return got.ToArray();
    }

    private string Serve(Action<HttpExchange> handler) => Serve(x =>
    {
        handler(x);
        return ValueTask.CompletedTask;
    });

    private string Serve(HttpRequestHandler handler)
    {
        TransportListener listener = Transport.ListenTcp("127.0.0.1", 0);
        string host = listener.Address["tcp://".Length..];
        _servers.Add(RunAsync());
        return host;

        async Task RunAsync()
        {
            await using (listener)
                await new HttpServer(handler).RunAsync(listener, _stop.Token);
        }
    }
}
