using System.Text;
using System.Text.Json;
using AotRuntime.Http;
using AotRuntime.Json;

namespace AotRuntime.Images.Registry;

/// <summary>Turns a registry's error answers into Docker's messages.</summary>
internal static class RegistryErrors
{
    /// <summary>The exception for an answer other than success.</summary>
    /// <param name="status">The answer's status.</param>
    /// <param name="body">The answer's body, or its beginning.</param>
    /// <param name="reference">What was asked for.</param>
    public static RegistryException From(int status, byte[] body, ImageReference reference)
    {
        if (status is < 400 or >= 500)
            return new RegistryException($"received unexpected HTTP status: {status} {Phrase(status)}".TrimEnd(), RegistryFailure.Other);

        RegistryErrorList? list = null;
        try
        {
            list = JsonText.Parse(body, OciJsonContext.RegistryErrorList);
        }
        catch (JsonException)
        {
            if (status is not (401 or 403))
            {
                return new RegistryException(
                    $"error parsing HTTP {status} response body: {Encoding.UTF8.GetString(body, 0, Math.Min(body.Length, 256)).TrimEnd()}",
                    status == 404 ? RegistryFailure.NotFound : RegistryFailure.Other);
            }
        }
        RegistryError? first = list?.Errors?.FirstOrDefault(e => e is not null);
        if (first is null)
        {
            string? details = list?.Details;
            first = status switch
            {
                401 => new RegistryError { Code = "UNAUTHORIZED", Message = details ?? "authentication required" },
                403 => new RegistryError { Code = "DENIED", Message = details ?? "requested access to the resource is denied" },
                404 => new RegistryError { Code = "MANIFEST_UNKNOWN", Message = "manifest unknown" },
                429 => new RegistryError { Code = "TOOMANYREQUESTS", Message = "too many requests" },
                _ => new RegistryError { Code = "UNKNOWN", Message = Encoding.UTF8.GetString(body, 0, Math.Min(body.Length, 256)) },
            };
        }
        return FromError(first, reference);
    }

    private static RegistryException FromError(RegistryError error, ImageReference reference)
    {
        string code = error.Code is { Length: > 0 } told ? told : "UNKNOWN";
        string text = $"{code.Replace('_', ' ').ToLowerInvariant()}: {(error.Message is { Length: > 0 } message ? message : "unknown error")}";
        return code switch
        {
            "DENIED" => new RegistryException(
                $"pull access denied for {reference.FamiliarName}, repository does not exist or may require 'docker login': {text}", RegistryFailure.NotFound),
            "MANIFEST_UNKNOWN" => new RegistryException($"manifest for {reference.Familiar} not found: {text}", RegistryFailure.NotFound),
            "NAME_UNKNOWN" => new RegistryException($"repository {reference.FamiliarName} not found: {text}", RegistryFailure.NotFound),
            "UNAUTHORIZED" => new RegistryException(text, RegistryFailure.Unauthorized),
            "TOOMANYREQUESTS" => new RegistryException(text, RegistryFailure.TooManyRequests),
            "BLOB_UNKNOWN" or "NAME_INVALID" or "TAG_INVALID" or "DIGEST_INVALID" or "UNSUPPORTED" => new RegistryException(text, RegistryFailure.Invalid),
            _ => new RegistryException(text, RegistryFailure.Other),
        };
    }

    private static string Phrase(int status) => status switch
    {
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    };

    /// <summary>The beginning of a body, as much as <paramref name="limit"/>.</summary>
    public static async ValueTask<byte[]> ReadSomeAsync(HttpResponse response, int limit, CancellationToken cancellationToken)
    {
        while (true)
        {
            System.IO.Pipelines.ReadResult read = await response.Body.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (!read.IsCompleted && read.Buffer.Length < limit)
            {
                response.Body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }
            byte[] some = new byte[Math.Min(read.Buffer.Length, limit)];
            System.Buffers.BuffersExtensions.CopyTo(read.Buffer.Slice(0, some.Length), some);
            response.Body.AdvanceTo(read.Buffer.End);
            return some;
        }
    }
}
