using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace AotRuntime.Http;

/// <summary>Short ways for small bodies.</summary>
public static class HttpBodies
{
    /// <summary>What <see cref="ReadBodyAsync"/> takes unless told otherwise: more JSON than any of Docker's requests holds.</summary>
    public const int DefaultLimit = 4 * 1024 * 1024;

    /// <summary>The request's whole body.</summary>
    /// <exception cref="HttpProtocolException">It is longer than <paramref name="limit"/> (413).</exception>
    public static ValueTask<byte[]> ReadBodyAsync(this HttpExchange exchange, int limit = DefaultLimit, CancellationToken cancellationToken = default)
    {
        if (exchange.RequestContentLength > limit)
            throw TooLarge();
        return ReadAllAsync(exchange.RequestBody, limit, cancellationToken);
    }

    /// <summary>The response's whole body.</summary>
    /// <exception cref="HttpProtocolException">It is longer than <paramref name="limit"/>.</exception>
    public static ValueTask<byte[]> ReadBodyAsync(this HttpResponse response, int limit = DefaultLimit, CancellationToken cancellationToken = default)
    {
        if (response.ContentLength > limit && response.StatusCode != 304)
            throw TooLarge();
        return ReadAllAsync(response.Body, limit, cancellationToken);
    }

    /// <summary>The response's whole body as text.</summary>
    public static async ValueTask<string> ReadTextAsync(this HttpResponse response, int limit = DefaultLimit, CancellationToken cancellationToken = default) =>
        Encoding.UTF8.GetString(await response.ReadBodyAsync(limit, cancellationToken).ConfigureAwait(false));

    /// <summary>Appends bytes to the response's body; they leave with the next flush, or at the handler's end.</summary>
    public static void Write(this HttpExchange exchange, ReadOnlySpan<byte> bytes) => exchange.ResponseBody.Write(bytes);

    /// <summary>Appends text to the response's body, in UTF-8; it leaves with the next flush, or at the handler's end.</summary>
    public static void Write(this HttpExchange exchange, string text) => Encoding.UTF8.GetBytes(text, exchange.ResponseBody);

    /// <summary>Answers with a status and a whole body.</summary>
    public static void Respond(this HttpExchange exchange, int status, string contentType, ReadOnlySpan<byte> body)
    {
        exchange.StatusCode = status;
        exchange.ResponseHeaders["Content-Type"] = contentType;
        exchange.ResponseHeaders["Content-Length"] = body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture);
        exchange.ResponseBody.Write(body);
    }

    /// <summary>Answers with an error in Docker's form, <c>{"message":"…"}</c>.</summary>
    public static void RespondError(this HttpExchange exchange, int status, string message) =>
        exchange.Respond(status, "application/json", ErrorBody.Json(message));

    private static async ValueTask<byte[]> ReadAllAsync(PipeReader body, int limit, CancellationToken cancellationToken)
    {
        while (true)
        {
            ReadResult read = await body.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (read.Buffer.Length > limit)
            {
                body.AdvanceTo(read.Buffer.Start);
                throw TooLarge();
            }
            if (read.IsCompleted)
            {
                byte[] all = read.Buffer.ToArray();
                body.AdvanceTo(read.Buffer.End);
                return all;
            }
            body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static HttpProtocolException TooLarge() => new("http: request body too large", 413);
}
