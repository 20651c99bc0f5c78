using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using AotRuntime.Digests;
using AotRuntime.Http;
using AotRuntime.Json;

namespace AotRuntime.Images.Registry;

/// <summary>A manifest or index as a registry gave it, its digest checked.</summary>
/// <param name="Descriptor">Media type, digest and size.</param>
/// <param name="Content">The bytes that the digest is of.</param>
public sealed record ManifestContent(Descriptor Descriptor, byte[] Content);

/// <summary>Takes a blob's bytes as they come; the memory is good until the returned task ends.</summary>
public delegate ValueTask BlobSink(ReadOnlyMemory<byte> data, CancellationToken cancellationToken);

/// <summary>Reads one repository of a registry (distribution-spec, "pull"). Thread-safe.</summary>
public sealed class RegistryClient : IAsyncDisposable
{
    private readonly ImageReference _repository;
    private readonly RegistryOptions _options;
    private readonly RegistryTransport _transport;
    private readonly RegistryAuth _auth;
    private readonly Dictionary<RegistryEndpoint, TokenCache> _tokens = [];
    private RegistryEndpoint? _chosen;

    /// <summary>A client for the repository that <paramref name="repository"/> names.</summary>
    public RegistryClient(ImageReference repository, RegistryAuth auth, RegistryOptions options)
    {
        _repository = repository;
        _options = options;
        _auth = auth;
        _transport = new RegistryTransport(options);
    }

    /// <summary>The endpoint that answered; null before the first manifest.</summary>
    public RegistryEndpoint? Endpoint => _chosen;

    /// <summary>
    /// The manifest or index of the reference's digest, or else tag. The endpoints are tried in their order; what follows goes to the one that
    /// answered.
    /// </summary>
    /// <exception cref="RegistryException">It can't be had.</exception>
    public async ValueTask<ManifestContent> ResolveAsync(CancellationToken cancellationToken = default)
    {
        RegistryException? failure = null;
        foreach (RegistryEndpoint endpoint in RegistryEndpoint.For(_repository.Domain, _options))
        {
            try
            {
                ManifestContent manifest = await GetManifestAsync(endpoint, _repository.TagOrDigest, _repository.Digest, _options.MaxManifestBytes, cancellationToken).ConfigureAwait(false);
                _chosen = endpoint;
                return manifest;
            }
            catch (RegistryException error) when (endpoint.IsMirror || error.Failure == RegistryFailure.Unreachable)
            {
                // An answer says more than that another endpoint could not be reached.
                if (failure is null || failure.Failure == RegistryFailure.Unreachable)
                    failure = error;
            }
        }
        throw failure ?? new RegistryException($"no endpoint for {_repository.Domain}", RegistryFailure.Other);
    }

    /// <summary>Shows the credentials to the registry, at its base (distribution-spec, "end-1").</summary>
    /// <exception cref="RegistryException">It refuses them, or can't be reached.</exception>
    public async ValueTask LoginAsync(CancellationToken cancellationToken = default)
    {
        RegistryException? failure = null;
        foreach (RegistryEndpoint endpoint in RegistryEndpoint.For(_repository.Domain, _options).Where(e => !e.IsMirror))
        {
            try
            {
                await using HttpResponse response = await SendAsync(endpoint, "/v2/", new HttpHeaders(), cancellationToken, scope: "").ConfigureAwait(false);
                if (response.StatusCode == 200)
                    return;
                string body = System.Text.Encoding.UTF8.GetString(await RegistryErrors.ReadSomeAsync(response, _options.MaxErrorBytes, cancellationToken).ConfigureAwait(false));
                throw new RegistryException(
                    $"login attempt to {endpoint.Url}/v2/ failed with status: {response.StatusCode} {HttpStatus.ReasonPhrase(response.StatusCode)}".TrimEnd() + (body.Length > 0 && response.StatusCode != 401 ? $": {body.Trim()}" : ""),
                    response.StatusCode == 401 ? RegistryFailure.Unauthorized : RegistryFailure.Other);
            }
            catch (RegistryException error) when (error.Failure == RegistryFailure.Unreachable)
            {
                failure = error;
            }
        }
        throw failure ?? new RegistryException($"no endpoint for {_repository.Domain}", RegistryFailure.Other);
    }

    /// <summary>All tags of the repository.</summary>
    /// <exception cref="RegistryException">They can't be had.</exception>
    public async ValueTask<IReadOnlyList<string>> ListTagsAsync(CancellationToken cancellationToken = default)
    {
        RegistryException? failure = null;
        foreach (RegistryEndpoint endpoint in RegistryEndpoint.For(_repository.Domain, _options))
        {
            try
            {
                List<string> tags = [];
                string? target = $"/v2/{_repository.Path}/tags/list";
                while (target is not null && tags.Count < _options.MaxTags)
                {
                    await using HttpResponse response = await SendAsync(endpoint, target, new HttpHeaders(), cancellationToken).ConfigureAwait(false);
                    if (response.StatusCode != 200)
                        throw await ErrorAsync(response, cancellationToken).ConfigureAwait(false);
                    byte[] json = await response.ReadBodyAsync(_options.MaxManifestBytes, cancellationToken).ConfigureAwait(false);
                    tags.AddRange(ParseTags(json));
                    target = NextPage(response.Headers["Link"]);
                }
                return tags;
            }
            catch (RegistryException error) when (endpoint.IsMirror || error.Failure == RegistryFailure.Unreachable)
            {
                if (failure is null || failure.Failure == RegistryFailure.Unreachable)
                    failure = error;
            }
        }
        throw failure ?? new RegistryException($"no endpoint for {_repository.Domain}", RegistryFailure.Other);
    }

    private static IEnumerable<string> ParseTags(byte[] json)
    {
        try
        {
            TagList? list = JsonText.Parse(json, OciJsonContext.TagList);
            return (list?.Tags ?? []).Where(t => t is not null && ReferenceGrammar.IsTag(t));
        }
        catch (JsonException error)
        {
            throw new RegistryException($"invalid tag list: {error.Message}", RegistryFailure.Other, error);
        }
    }

    /// <summary>The path of <c>&lt;/v2/…&gt;; rel="next"</c>; null where there is no next page.</summary>
    private static string? NextPage(string? link)
    {
        int end = link?.IndexOf('>') ?? -1;
        if (link is null || link[0] != '<' || end < 0 || !link.Contains("rel=\"next\"", StringComparison.Ordinal))
            return null;
        string target = link[1..end];
        return target.StartsWith("/v2/", StringComparison.Ordinal) ? target : null;
    }

    /// <summary>The manifest that a descriptor (of an index) points to.</summary>
    /// <exception cref="RegistryException">It can't be had, or is not what the descriptor says.</exception>
    public async ValueTask<ManifestContent> GetManifestAsync(Descriptor descriptor, CancellationToken cancellationToken = default)
    {
        if (descriptor.Size < 0 || descriptor.Size > _options.MaxManifestBytes)
            throw TooLarge(descriptor.Size, _options.MaxManifestBytes);
        ManifestContent manifest = await GetManifestAsync(Chosen, descriptor.Digest.ToString(), descriptor.Digest, (int)descriptor.Size, cancellationToken).ConfigureAwait(false);
        if (manifest.Content.Length != descriptor.Size)
            throw Corrupt($"manifest verification failed for digest {descriptor.Digest}");
        return manifest with { Descriptor = descriptor };
    }

    /// <summary>A small blob, the image configuration, whole.</summary>
    /// <exception cref="RegistryException">It can't be had, or is not what the descriptor says.</exception>
    public async ValueTask<byte[]> GetConfigAsync(Descriptor descriptor, CancellationToken cancellationToken = default)
    {
        if (descriptor.Size < 0 || descriptor.Size > _options.MaxConfigBytes)
            throw TooLarge(descriptor.Size, _options.MaxConfigBytes);
        using MemoryStream content = new((int)descriptor.Size);
        try
        {
            await CopyBlobAsync(
                descriptor,
                (data, _) =>
                {
                    content.Write(data.Span);
                    return ValueTask.CompletedTask;
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (RegistryException error) when (error.Failure == RegistryFailure.Corrupt)
        {
            throw Corrupt($"image config verification failed for digest {descriptor.Digest}");
        }
        return content.ToArray();
    }

    /// <summary>
    /// Brings a blob to <paramref name="sink"/>, never more bytes than the descriptor says, and checks size and digest at the end. A download
    /// that breaks goes on with a Range where it broke.
    /// </summary>
    /// <exception cref="RegistryException">It can't be had, or is not what the descriptor says.</exception>
    public async ValueTask CopyBlobAsync(Descriptor descriptor, BlobSink sink, CancellationToken cancellationToken = default)
    {
        Sha2Hash hash = new(descriptor.Digest.HashAlgorithm);
        long done = 0;
        for (int attempt = 1; ; attempt++)
        {
            long before = done;
            RegistryException failure;
            try
            {
                await using HttpResponse response = await OpenBlobAsync(descriptor, done, cancellationToken).ConfigureAwait(false);
                long skip = response.StatusCode == 206 ? 0 : done;
                if (response.ContentLength is { } length && length != descriptor.Size - done + skip)
                    throw Corrupt($"filesystem layer verification failed for digest {descriptor.Digest}");
                while (true)
                {
                    ReadResult read;
                    try
                    {
                        read = await response.Body.ReadAsync(cancellationToken).ConfigureAwait(false);
                    }
                    catch (IOException error)
                    {
                        throw new RegistryException(error.Message, RegistryFailure.Unreachable, error);
                    }
                    foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                    {
                        // A server that ignores the Range sends again what is here already.
                        int known = (int)Math.Min(skip, segment.Length);
                        skip -= known;
                        ReadOnlyMemory<byte> data = segment[known..];
                        if (data.IsEmpty)
                            continue;
                        if (data.Length > descriptor.Size - done)
                            throw Corrupt($"filesystem layer verification failed for digest {descriptor.Digest}");
                        hash.Append(data.Span);
                        done += data.Length;
                        await sink(data, cancellationToken).ConfigureAwait(false);
                    }
                    response.Body.AdvanceTo(read.Buffer.End);
                    if (read.IsCompleted)
                        break;
                }
                if (done == descriptor.Size)
                {
                    if (Digest.Of(hash) != descriptor.Digest)
                        throw Corrupt($"filesystem layer verification failed for digest {descriptor.Digest}");
                    return;
                }
                failure = new RegistryException("unexpected EOF", RegistryFailure.Unreachable);
            }
            catch (RegistryException error) when (!error.IsFinal)
            {
                failure = error;
            }
            // Progress starts the count anew: a slow line may break more often than five times.
            if (done > before)
                attempt = 1;
            if (attempt >= _options.MaxDownloadAttempts)
                throw failure;
            await Task.Delay(_options.RetryDelay * attempt, cancellationToken).ConfigureAwait(false);
        }
    }

    private RegistryEndpoint Chosen => _chosen ?? throw new InvalidOperationException("The reference is resolved first.");

    private async ValueTask<HttpResponse> OpenBlobAsync(Descriptor descriptor, long offset, CancellationToken cancellationToken)
    {
        HttpHeaders headers = new();
        // Compressed layers are compressed already; a transfer that inflates them would change what the digest is of.
        headers["Accept-Encoding"] = "identity";
        if (offset > 0)
            headers["Range"] = $"bytes={offset.ToString(CultureInfo.InvariantCulture)}-";
        HttpResponse response = await SendAsync(Chosen, $"/v2/{_repository.Path}/blobs/{descriptor.Digest}", headers, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == 200 || (response.StatusCode == 206 && offset > 0))
            return response;
        await using (response)
            throw await ErrorAsync(response, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<ManifestContent> GetManifestAsync(
        RegistryEndpoint endpoint, string reference, Digest expected, int limit, CancellationToken cancellationToken)
    {
        HttpHeaders headers = new();
        foreach (string type in MediaTypes.AcceptedManifests)
            headers.Add("Accept", type);
        headers.Add("Accept", MediaTypes.DockerSchema1Signed);
        string target = $"/v2/{_repository.Path}/manifests/{reference}";
        // A mirror may serve several registries (distribution-spec, "ns").
        if (endpoint.IsMirror)
            target += $"?ns={PercentEncoding.Encode(_repository.Domain)}";

        await using HttpResponse response = await SendAsync(endpoint, target, headers, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode != 200)
            throw await ErrorAsync(response, cancellationToken).ConfigureAwait(false);
        if (response.ContentLength > limit)
            throw TooLarge(response.ContentLength.Value, limit);

        byte[] content = await RegistryErrors.ReadSomeAsync(response, limit + 1, cancellationToken).ConfigureAwait(false);
        if (content.Length > limit)
            throw TooLarge(content.Length, limit);
        Digest digest = expected.IsEmpty ? Digest.Sha256(content) : expected.OfSameAlgorithm(content);
        if (!expected.IsEmpty && digest != expected)
            throw Corrupt($"manifest verification failed for digest {expected}");

        string mediaType = (response.Headers["Content-Type"] ?? "").Split(';')[0].Trim().ToLowerInvariant();
        ManifestProbe probe = ManifestReader.Probe(content) ?? throw new RegistryException("unsupported manifest format", RegistryFailure.Invalid);
        string? actual = ManifestReader.MediaTypeOf(probe);
        if (actual is not null && MediaTypes.IsSchema1(actual))
            throw Schema1();
        // The document's own word counts (image-spec, "mediaType ... SHOULD match"); where it gives none, the field's does.
        if (actual is not null && probe.MediaType is not { Length: > 0 } && (MediaTypes.IsManifest(mediaType) || MediaTypes.IsIndex(mediaType)))
            actual = mediaType;
        if (actual is null || (!MediaTypes.IsManifest(actual) && !MediaTypes.IsIndex(actual)))
            throw new RegistryException($"unsupported media type {actual ?? mediaType}", RegistryFailure.Invalid);
        return new ManifestContent(new Descriptor { MediaType = actual, Digest = digest, Size = content.Length }, content);
    }

    /// <summary>Sends a GET, with authorization where asked for, and follows redirects.</summary>
    private async ValueTask<HttpResponse> SendAsync(RegistryEndpoint endpoint, string target, HttpHeaders headers, CancellationToken cancellationToken, string? scope = null)
    {
        TokenCache tokens = TokensOf(endpoint);
        scope ??= $"repository:{_repository.Path}:pull";
        headers["User-Agent"] = _options.UserAgent;
        for (int attempt = 0; ; attempt++)
        {
            string? authorization = tokens.Current;
            headers["Authorization"] = authorization;
            HttpRequest request = new() { Target = endpoint.PathPrefix + target, Headers = headers };
            HttpResponse response = await _transport.SendAsync(endpoint, request, cancellationToken).ConfigureAwait(false);
            if (response.StatusCode == 401 && attempt < 2)
            {
                bool again;
                try
                {
                    again = await tokens.AnswerAsync(response, authorization, scope, endpoint.Tls, cancellationToken).ConfigureAwait(false);
                    if (again)
                        await RegistryErrors.ReadSomeAsync(response, _options.MaxErrorBytes, cancellationToken).ConfigureAwait(false);
                }
                catch (RegistryException error) when (error.Failure == RegistryFailure.Unauthorized)
                {
                    await response.DisposeAsync().ConfigureAwait(false);
                    // Docker asks for a manifest's head first, and that is what its message tells.
                    string method = target.Contains("/manifests/", StringComparison.Ordinal) ? "Head" : "Get";
                    throw new RegistryException($"{method} \"{endpoint.Url}{target.Split('?')[0]}\": {error.Message}", error.Failure, error);
                }
                catch
                {
                    await response.DisposeAsync().ConfigureAwait(false);
                    throw;
                }
                if (!again)
                    return response;
                await response.DisposeAsync().ConfigureAwait(false);
                continue;
            }
            return HttpRedirect.IsRedirect(response.StatusCode)
                ? await FollowAsync(response, new Uri(endpoint.Url.TrimEnd('/') + target), request, cancellationToken).ConfigureAwait(false)
                : response;
        }
    }

    private async ValueTask<HttpResponse> FollowAsync(HttpResponse response, Uri from, HttpRequest request, CancellationToken cancellationToken)
    {
        for (int hops = 0; HttpRedirect.IsRedirect(response.StatusCode); hops++)
        {
            string? location = response.Headers["Location"];
            int status = response.StatusCode;
            await response.DisposeAsync().ConfigureAwait(false);
            if (hops >= _options.MaxRedirects)
                throw new RegistryException($"Get \"{from.GetLeftPart(UriPartial.Path)}\": stopped after {_options.MaxRedirects} redirects", RegistryFailure.Other);
            if (location is null || !Uri.TryCreate(from, location, out Uri? to) || to.Scheme is not ("http" or "https"))
                throw new RegistryException($"Get \"{from.GetLeftPart(UriPartial.Path)}\": redirect without a usable location", RegistryFailure.Other);
            // Credentials are for the registry that asked for them, not for wherever it keeps its blobs: they stay behind. A GET is always sent again.
            request = HttpRedirect.Next(request, status, from, to)!;
            from = to;
            response = await _transport.SendAsync(to, request, cancellationToken).ConfigureAwait(false);
        }
        return response;
    }

    private TokenCache TokensOf(RegistryEndpoint endpoint)
    {
        lock (_tokens)
        {
            if (!_tokens.TryGetValue(endpoint, out TokenCache? tokens))
            {
                // The user's credentials are for the registry; a mirror of it gets none.
                tokens = new TokenCache(_transport, endpoint.IsMirror ? RegistryAuth.None : _auth, _options);
                _tokens.Add(endpoint, tokens);
            }
            return tokens;
        }
    }

    private async ValueTask<RegistryException> ErrorAsync(HttpResponse response, CancellationToken cancellationToken)
    {
        byte[] body = await RegistryErrors.ReadSomeAsync(response, _options.MaxErrorBytes, cancellationToken).ConfigureAwait(false);
        return RegistryErrors.From(response.StatusCode, body, _repository);
    }

    private RegistryException Schema1() => new(
        "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. " +
        $"Suggest the author of {_repository} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. " +
        "More information at https://docs.docker.com/go/deprecated-image-specs/",
        RegistryFailure.Invalid);

    private static RegistryException TooLarge(long size, long limit) =>
        new($"rejecting {size} byte document: larger than {limit} bytes", RegistryFailure.Invalid);

    private static RegistryException Corrupt(string message) => new(message, RegistryFailure.Corrupt);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _transport.DisposeAsync();
}
