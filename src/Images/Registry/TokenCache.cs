using System.Text;
using System.Text.Json;
using AotRuntime.Http;
using AotRuntime.Json;

namespace AotRuntime.Images.Registry;

/// <summary>Authorization towards one registry: answers its challenges and remembers the tokens (distribution's token specification).</summary>
internal sealed class TokenCache(RegistryTransport transport, RegistryAuth auth, RegistryOptions options)
{
    /// <summary>Tokens are renewed this long before they end.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _gate = new(1);
    private string? _authorization;
    private long _expires = long.MaxValue;

    /// <summary>The Authorization field to send; null for none (yet).</summary>
    public string? Current => Environment.TickCount64 < _expires ? _authorization : null;

    /// <summary>Answers a 401: gets a token, or picks Basic. False where nothing else can be tried than what was refused.</summary>
    /// <exception cref="RegistryException">The token server refuses, or there are no credentials.</exception>
    public async ValueTask<bool> AnswerAsync(HttpResponse response, string? refused, string scope, bool overTls, CancellationToken cancellationToken)
    {
        List<AuthChallenge> challenges = [];
        foreach (string field in response.Headers.GetValues("WWW-Authenticate"))
            challenges.AddRange(AuthChallenge.Parse(field));

        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Another request may have got a newer token while this one waited.
            if (Current is { } other && other != refused)
                return true;
            if (challenges.Find(c => c.Scheme == "bearer") is { } bearer)
            {
                if (auth.RegistryToken.Length > 0)
                    return Use($"Bearer {auth.RegistryToken}", null, refused);
                (string token, TimeSpan lifetime) = await FetchAsync(bearer, scope, overTls, cancellationToken).ConfigureAwait(false);
                return Use($"Bearer {token}", lifetime, refused);
            }
            if (challenges.Exists(c => c.Scheme == "basic"))
            {
                if (!auth.HasPassword)
                    throw new RegistryException("no basic auth credentials", RegistryFailure.Unauthorized);
                return Use(Basic(), null, refused);
            }
            return false;
        }
        finally
        {
            _gate.Release();
        }
    }

    private bool Use(string authorization, TimeSpan? lifetime, string? refused)
    {
        _authorization = authorization;
        _expires = lifetime is { } time ? Environment.TickCount64 + (long)(time - Margin).TotalMilliseconds : long.MaxValue;
        return authorization != refused;
    }

    private string Basic() => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{auth.Username}:{auth.Password}"));

    private async ValueTask<(string Token, TimeSpan Lifetime)> FetchAsync(AuthChallenge challenge, string scope, bool overTls, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(challenge["realm"], UriKind.Absolute, out Uri? realm) || realm.Scheme is not ("http" or "https"))
            throw new RegistryException($"invalid token realm \"{challenge["realm"]}\"", RegistryFailure.Other);
        bool secrets = auth.HasPassword || auth.IdentityToken.Length > 0;
        if (secrets && overTls && realm.Scheme == "http")
            throw new RegistryException($"refusing to send credentials to {realm.Authority} without TLS", RegistryFailure.Other);

        string asked = challenge["scope"] is { Length: > 0 } told ? told : scope;
        HttpQuery query = new();
        if (challenge["service"].Length > 0)
            query.Add("service", challenge["service"]);
        foreach (string one in asked.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            query.Add("scope", one);

        HttpHeaders headers = new();
        HttpRequest request;
        if (auth.IdentityToken.Length > 0)
        {
            HttpQuery form = new();
            form.Add("scope", asked).Add("service", challenge["service"]).Add("client_id", "docker").Add("grant_type", "refresh_token").Add("refresh_token", auth.IdentityToken);
            byte[] body = Encoding.ASCII.GetBytes(form.ToString());
            headers["Content-Type"] = "application/x-www-form-urlencoded";
            request = new HttpRequest
            {
                Method = "POST",
                Target = realm.PathAndQuery,
                Headers = headers,
                ContentLength = body.Length,
                Body = async (writer, token) => await writer.WriteAsync(body, token).ConfigureAwait(false),
            };
        }
        else
        {
            if (auth.Username.Length > 0)
                query.Add("account", auth.Username);
            if (auth.HasPassword)
                headers["Authorization"] = Basic();
            string separator = realm.Query.Length > 0 ? "&" : "?";
            request = new HttpRequest { Target = query.Count > 0 ? $"{realm.PathAndQuery}{separator}{query}" : realm.PathAndQuery, Headers = headers };
        }
        headers["User-Agent"] = options.UserAgent;

        await using HttpResponse response = await transport.SendAsync(realm, request, cancellationToken).ConfigureAwait(false);
        byte[] answer = await RegistryErrors.ReadSomeAsync(response, options.MaxErrorBytes, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode != 200)
        {
            RegistryException refusal = RegistryErrors.From(response.StatusCode, answer, TokenReference);
            throw response.StatusCode is 401 or 403 ? new RegistryException(refusal.Message, RegistryFailure.Unauthorized) : refusal;
        }
        TokenResponse? token;
        try
        {
            token = JsonText.Parse(answer, OciJsonContext.TokenResponse);
        }
        catch (JsonException error)
        {
            throw new RegistryException($"unable to decode token response: {error.Message}", RegistryFailure.Other, error);
        }
        string? value = token?.Token is { Length: > 0 } first ? first : token?.AccessToken;
        if (string.IsNullOrEmpty(value) || value.AsSpan().ContainsAny('\r', '\n'))
            throw new RegistryException("authorization server did not include a token in the response", RegistryFailure.Other);
        // "If omitted, this defaults to 60 seconds"; shorter ones are taken for it too.
        return (value, TimeSpan.FromSeconds(Math.Clamp(token!.ExpiresIn ?? 60, 60, 24 * 3600)));
    }

    private static readonly ImageReference TokenReference = ImageReference.Parse("token");
}
