namespace AotRuntime.Http;

/// <summary>What a client sends next when it is redirected (RFC 9110 §15.4).</summary>
public static class HttpRedirect
{
    /// <summary>What tells of a body that is not sent again.</summary>
    private static readonly string[] s_ofBody = ["Content-Type", "Content-Encoding", "Content-Language", "Content-Location", "Content-Length", "Transfer-Encoding", "Expect"];

    /// <summary>What is meant for one origin, and would be a present to another.</summary>
    private static readonly string[] s_ofOrigin = ["Authorization", "Proxy-Authorization", "Cookie", "Cookie2", "WWW-Authenticate", "Host"];

    /// <summary>Whether a status says "elsewhere" in a way that a client may follow by itself.</summary>
    public static bool IsRedirect(int status) => status is 301 or 302 or 303 or 307 or 308;

    /// <summary>
    /// The request to send to <paramref name="to"/> where <paramref name="request"/>, sent to <paramref name="from"/>, was answered with
    /// <paramref name="status"/>. Null where its body would have to be sent again and cannot be.
    /// </summary>
    public static HttpRequest? Next(HttpRequest request, int status, Uri from, Uri to)
    {
        // §15.4.4: 303 means GET; §15.4.2, 3: with 301 and 302 clients "MAY change the request method from POST to GET", and all do.
        bool becomesGet = request.Method is not ("GET" or "HEAD") && (status == 303 || (status is 301 or 302 && request.Method == "POST"));
        bool withBody = request.Body is not null && !becomesGet;
        if (withBody && !request.BodyCanBeSentAgain)
            return null;
        HttpHeaders headers = new();
        foreach ((string name, string value) in request.Headers)
            headers.Add(name, value);
        if (!withBody)
            Remove(headers, s_ofBody);
        if (from.Scheme != to.Scheme || from.Host != to.Host || from.Port != to.Port)
            Remove(headers, s_ofOrigin);
        return new HttpRequest
        {
            Method = becomesGet ? "GET" : request.Method,
            Target = to.PathAndQuery,
            Headers = headers,
            Body = withBody ? request.Body : null,
            BodyCanBeSentAgain = withBody,
            ContentLength = withBody ? request.ContentLength : null,
            ExpectContinue = withBody && request.ExpectContinue,
        };
    }

    private static void Remove(HttpHeaders headers, string[] names)
    {
        foreach (string name in names)
            headers.Remove(name);
    }
}
