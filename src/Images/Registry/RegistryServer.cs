using System.Buffers;
using System.Globalization;
using System.Text.Json;
using AotRuntime.Http;
using AotRuntime.Json;

namespace AotRuntime.Images.Registry;

/// <summary>A read-only registry (distribution-spec, "pull" and "content discovery") over OCI image layouts.</summary>
public sealed class RegistryServer(LayoutStore store)
{
    private const int CopyBlock = 128 * 1024;

    /// <summary>Answers one request; pass it to an <see cref="HttpServer"/>.</summary>
    public async ValueTask HandleAsync(HttpExchange exchange)
    {
        exchange.ResponseHeaders["Docker-Distribution-Api-Version"] = "registry/2.0";
        exchange.ResponseHeaders["X-Content-Type-Options"] = "nosniff";
        string path = exchange.Path;
        if (path is not ("/v2" or "/v2/") && !path.StartsWith("/v2/", StringComparison.Ordinal))
        {
            Answer(exchange, 404, "text/plain; charset=utf-8", "404 page not found\n"u8.ToArray());
            return;
        }
        if (exchange.Method is not ("GET" or "HEAD"))
        {
            exchange.ResponseHeaders["Allow"] = "GET, HEAD";
            Fail(exchange, 405, "UNSUPPORTED", "The operation is unsupported.");
            return;
        }
        string rest = path.Length > 4 ? path[4..] : "";
        if (rest.Length == 0)
        {
            Answer(exchange, 200, "application/json; charset=utf-8", "{}"u8.ToArray());
            return;
        }
        if (rest == "_catalog")
        {
            Page(exchange, store.Repositories(), "/v2/_catalog", page => JsonText.ToBytes(
                new RepositoryList { Repositories = page }, OciJsonContext.RepositoryList));
            return;
        }

        // <name> may hold slashes: the verb is found from the end.
        int last = rest.LastIndexOf('/');
        int verb = last <= 0 ? -1 : rest.LastIndexOf('/', last - 1);
        string name = verb <= 0 ? "" : rest[..verb];
        string reference = rest[(last + 1)..];
        string kind = verb <= 0 ? "" : rest[(verb + 1)..last];
        if (name.Length == 0 || kind is not ("manifests" or "blobs" or "tags") || (kind == "tags" && reference != "list"))
        {
            Answer(exchange, 404, "text/plain; charset=utf-8", "404 page not found\n"u8.ToArray());
            return;
        }
        if (!LayoutStore.IsRepositoryName(name))
        {
            Fail(exchange, 400, "NAME_INVALID", "invalid repository name");
            return;
        }
        if (store.Find(name) is not { } repository)
        {
            Fail(exchange, 404, "NAME_UNKNOWN", "repository name not known to registry", "name", name);
            return;
        }
        switch (kind)
        {
            case "tags":
                Page(exchange, [.. repository.Tags.Keys.Order(StringComparer.Ordinal)], $"/v2/{name}/tags/list", page => JsonText.ToBytes(
                    new TagList { Name = name, Tags = page }, OciJsonContext.TagList));
                break;
            case "manifests":
                ServeManifest(exchange, repository, reference);
                break;
            default:
                await ServeBlobAsync(exchange, repository, reference).ConfigureAwait(false);
                break;
        }
    }

    private static void ServeManifest(HttpExchange exchange, LayoutRepository repository, string reference)
    {
        bool byDigest = reference.Contains(':');
        if (byDigest ? !Digest.TryParse(reference, out _) : !ReferenceGrammar.IsTag(reference))
        {
            Fail(exchange, 400, byDigest ? "DIGEST_INVALID" : "TAG_INVALID", byDigest ? "provided digest did not match uploaded content" : "manifest tag did not match URI");
            return;
        }
        if (repository.Manifest(reference) is not { } manifest)
        {
            Fail(exchange, 404, "MANIFEST_UNKNOWN", "manifest unknown", byDigest ? "Digest" : "Tag", reference);
            return;
        }
        if (AnswerIfCached(exchange, manifest.Digest))
            return;
        Answer(exchange, 200, manifest.MediaType, manifest.Content);
    }

    private static async ValueTask ServeBlobAsync(HttpExchange exchange, LayoutRepository repository, string reference)
    {
        if (!Digest.TryParse(reference, out Digest digest))
        {
            Fail(exchange, 400, "DIGEST_INVALID", "provided digest did not match uploaded content");
            return;
        }
        if (repository.BlobPath(digest) is not { } path)
        {
            Fail(exchange, 404, "BLOB_UNKNOWN", "blob unknown to registry", "digest", reference);
            return;
        }
        using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path);
        long size = RandomAccess.GetLength(file);
        if (AnswerIfCached(exchange, digest))
            return;

        HttpHeaders headers = exchange.ResponseHeaders;
        headers["Accept-Ranges"] = "bytes";
        headers["Cache-Control"] = "max-age=31536000";
        headers["Content-Type"] = "application/octet-stream";
        (long start, long count) = (0, size);
        string? ifRange = exchange.RequestHeaders["If-Range"];
        if (ifRange is null || ifRange == ETag(digest))
        {
            switch (ByteRange.Parse(exchange.RequestHeaders["Range"], size, out long from, out long length))
            {
                case RangeResult.Satisfiable:
                    (start, count) = (from, length);
                    exchange.StatusCode = 206;
                    headers["Content-Range"] = $"bytes {start}-{start + count - 1}/{size}";
                    break;
                case RangeResult.Unsatisfiable:
                    headers["Content-Range"] = $"bytes */{size}";
                    Answer(exchange, 416, "text/plain; charset=utf-8", "invalid range: failed to overlap\n"u8.ToArray());
                    return;
            }
        }
        headers["Content-Length"] = count.ToString(CultureInfo.InvariantCulture);
        if (exchange.Method == "HEAD")
            return;
        while (count > 0)
        {
            Memory<byte> block = exchange.ResponseBody.GetMemory(CopyBlock);
            int read = RandomAccess.Read(file, block.Span[..(int)Math.Min(block.Length, count)], start);
            if (read == 0)
                throw new EndOfStreamException($"{path} became shorter while it was sent");
            exchange.ResponseBody.Advance(read);
            start += read;
            count -= read;
            System.IO.Pipelines.FlushResult flush = await exchange.ResponseBody.FlushAsync(exchange.Aborted).ConfigureAwait(false);
            if (flush.IsCompleted)
                return;
        }
    }

    private static string ETag(Digest digest) => $"\"{digest}\"";

    /// <summary>Sets the fields that name the content, and answers 304 where the client has it.</summary>
    private static bool AnswerIfCached(HttpExchange exchange, Digest digest)
    {
        exchange.ResponseHeaders["Docker-Content-Digest"] = digest.ToString();
        exchange.ResponseHeaders["ETag"] = ETag(digest);
        if (exchange.RequestHeaders["If-None-Match"] is not { } tags)
            return false;
        foreach (string tag in tags.Split(',', StringSplitOptions.TrimEntries))
        {
            // "*" matches whatever is there; a weak tag compares by its text (RFC 9110 §13.1.2).
            string text = tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag;
            if (text == "*" || text.Trim('"') == digest.ToString())
            {
                exchange.StatusCode = 304;
                return true;
            }
        }
        return false;
    }

    /// <summary>Answers a page of a list: <c>n</c> entries after <c>last</c>, with a link to the next page where there is one.</summary>
    private static void Page(HttpExchange exchange, IReadOnlyList<string> all, string path, Func<string[], byte[]> serialize)
    {
        HttpQuery query = HttpQuery.Parse(exchange.QueryString);
        string? last = query["last"];
        IEnumerable<string> left = last is null ? all : all.Where(name => string.CompareOrdinal(name, last) > 0);
        string[] page = [.. left];
        if (query["n"] is { } text)
        {
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int n))
            {
                Fail(exchange, 400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", "n", text);
                return;
            }
            if (n < page.Length)
            {
                page = page[..n];
                if (n > 0)
                    exchange.ResponseHeaders["Link"] = $"<{path}?last={PercentEncoding.Encode(page[^1])}&n={n}>; rel=\"next\"";
            }
        }
        Answer(exchange, 200, "application/json; charset=utf-8", serialize(page));
    }

    private static void Fail(HttpExchange exchange, int status, string code, string message, string? detailName = null, string? detail = null)
    {
        JsonElement? detailJson = null;
        if (detailName is not null)
        {
            using MemoryStream buffer = new();
            using (Utf8JsonWriter json = new(buffer))
            {
                json.WriteStartObject();
                json.WriteString(detailName, detail);
                json.WriteEndObject();
            }
            detailJson = JsonElement.Parse(buffer.ToArray());
        }
        RegistryErrorList errors = new() { Errors = [new RegistryError { Code = code, Message = message, Detail = detailJson }] };
        Answer(exchange, status, "application/json; charset=utf-8", JsonText.ToBytes(errors, OciJsonContext.RegistryErrorList));
    }

    private static void Answer(HttpExchange exchange, int status, string contentType, byte[] body)
    {
        exchange.StatusCode = status;
        exchange.ResponseHeaders["Content-Type"] = contentType;
        exchange.ResponseHeaders["Content-Length"] = body.Length.ToString(CultureInfo.InvariantCulture);
        if (exchange.Method != "HEAD")
            exchange.ResponseBody.Write(body);
    }
}
