using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using AotRuntime.EngineApi;
using AotRuntime.Http;
using AotRuntime.Json;

namespace AotRuntime.Dockerd.Api;

/// <summary>One request of the Engine API: version, parameters, bodies.</summary>
internal sealed class ApiRequest(HttpExchange exchange, string version, Dictionary<string, string> parameters)
{
    /// <summary>The largest JSON body that is read.</summary>
    public const int MaxBodyBytes = 16 * 1024 * 1024;

    private readonly HttpQuery _query = HttpQuery.Parse(exchange.QueryString);

    /// <summary>The exchange itself.</summary>
    public HttpExchange Exchange { get; } = exchange;

    /// <summary>The version that the client speaks.</summary>
    public string Version { get; } = version;

    /// <summary>Ends when the client goes away.</summary>
    public CancellationToken Aborted => Exchange.Aborted;

    /// <summary>Whether the client speaks this version or a newer one.</summary>
    public bool IsAtLeast(string other) => ApiVersions.Compare(Version, other) >= 0;

    /// <summary>A parameter of the path.</summary>
    public string Path(string name) => parameters[name];

    /// <summary>A parameter of the query; empty where it was not given.</summary>
    public string Text(string name) => _query[name] ?? "";

    /// <summary>Whether a parameter was given, with whatever value.</summary>
    public bool Has(string name) => _query.Contains(name);

    /// <summary>A switch, as Docker reads them: anything but nothing, 0, no, false and none is true.</summary>
    public bool Bool(string name, bool fallback = false) =>
        Has(name) ? Text(name).ToLowerInvariant() is not ("" or "0" or "no" or "false" or "none") : fallback;

    /// <summary>A whole number; null where it was not given.</summary>
    /// <exception cref="ApiException">400: it is none.</exception>
    public int? Int(string name)
    {
        string text = Text(name);
        if (text.Length == 0)
            return null;
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value)
            ? value
            : throw ApiException.BadRequest($"strconv.Atoi: parsing \"{text}\": invalid syntax");
    }

    /// <summary>The <c>filters</c> parameter.</summary>
    /// <exception cref="ApiException">400: it is malformed.</exception>
    public Filters Filters()
    {
        try
        {
            return EngineApi.Filters.Parse(Text("filters"));
        }
        catch (FormatException e)
        {
            throw new ApiException(400, e.Message, e);
        }
    }

    /// <summary>The body as JSON; null where there is none.</summary>
    /// <exception cref="ApiException">400: it is no JSON, or no such; 413: it is too large.</exception>
    public async ValueTask<T?> ReadJsonAsync<T>(IJsonReader<T> codec) where T : class
    {
        if (Exchange.RequestContentLength > MaxBodyBytes)
            throw new ApiException(413, "http: request body too large");
        PipeReader body = Exchange.RequestBody;
        while (true)
        {
            ReadResult result = await body.ReadAsync(Aborted).ConfigureAwait(false);
            if (!result.IsCompleted)
            {
                if (result.Buffer.Length > MaxBodyBytes)
                    throw new ApiException(413, "http: request body too large");
                body.AdvanceTo(result.Buffer.Start, result.Buffer.End);
                continue;
            }
            byte[] bytes = result.Buffer.ToArray();
            body.AdvanceTo(result.Buffer.End);
            if (bytes.Length == 0)
                return null;
            string content = Exchange.RequestHeaders["Content-Type"] ?? "";
            string kind = content.Split(';')[0].Trim();
            if (!kind.Equals("application/json", StringComparison.OrdinalIgnoreCase))
                throw ApiException.BadRequest($"unsupported Content-Type header ({content}): must be 'application/json'");
            try
            {
                return EngineJson.Parse(bytes, codec);
            }
            catch (JsonException e)
            {
                throw new ApiException(400, bytes.AsSpan().Trim(" \r\n\t"u8).IsEmpty ? "invalid JSON: got EOF while reading request body" : $"invalid JSON: {e.Message}", e);
            }
        }
    }

    /// <summary>A required JSON body.</summary>
    /// <exception cref="ApiException">400: it is missing or malformed.</exception>
    public async ValueTask<T> RequireJsonAsync<T>(IJsonReader<T> codec) where T : class =>
        await ReadJsonAsync(codec).ConfigureAwait(false) ?? throw ApiException.BadRequest("invalid JSON: got EOF while reading request body");

    /// <summary>Answers with JSON.</summary>
    public ValueTask WriteJsonAsync<T>(T value, IJsonWriter<T> codec, int status = 200)
    {
        ArrayBufferWriter<byte> body = new();
        EngineJson.WriteLine(body, value, codec);
        return WriteAsync(status, "application/json", body.WrittenMemory);
    }

    /// <summary>Answers without a body.</summary>
    public ValueTask WriteEmptyAsync(int status)
    {
        Exchange.StatusCode = status;
        if (status is not (204 or 304))
            Exchange.ResponseHeaders["Content-Length"] = "0";
        return Exchange.StartAsync();
    }

    /// <summary>Answers with bytes.</summary>
    public async ValueTask WriteAsync(int status, string contentType, ReadOnlyMemory<byte> body)
    {
        Exchange.StatusCode = status;
        Exchange.ResponseHeaders["Content-Type"] = contentType;
        Exchange.ResponseHeaders["Content-Length"] = body.Length.ToString(CultureInfo.InvariantCulture);
        if (Exchange.Method == "HEAD")
        {
            await Exchange.StartAsync().ConfigureAwait(false);
            return;
        }
        await Exchange.ResponseBody.WriteAsync(body, Aborted).ConfigureAwait(false);
        await Exchange.ResponseBody.FlushAsync(Aborted).ConfigureAwait(false);
    }

    /// <summary>Begins a stream of JSON documents, one a line: status and fields go out at once.</summary>
    public ValueTask StartJsonStreamAsync()
    {
        Exchange.ResponseHeaders["Content-Type"] = "application/json";
        return Exchange.StartAsync();
    }

    /// <summary>Adds a document to the stream.</summary>
    public ValueTask WriteLineAsync<T>(T value, IJsonWriter<T> codec)
    {
        EngineJson.WriteLine(Exchange.ResponseBody, value, codec);
        return FlushLineAsync();
    }

    /// <summary>Adds a step of a long operation to the stream; those lines end as Docker's do, with CR and LF.</summary>
    public ValueTask WriteProgressAsync(JsonMessage message)
    {
        JsonText.Write(Exchange.ResponseBody, message, EngineJson.Types.JsonMessage, GoJsonEncoder.Plain);
        Exchange.ResponseBody.Write("\r\n"u8);
        return FlushLineAsync();
    }

    private async ValueTask FlushLineAsync()
    {
        FlushResult result = await Exchange.ResponseBody.FlushAsync(Aborted).ConfigureAwait(false);
        if (result.IsCompleted)
            throw new OperationCanceledException("the client is gone");
    }
}
