namespace AotRuntime.Dockerd.Api;

/// <summary>Answers one request.</summary>
internal delegate Task ApiHandler(ApiRequest request);

/// <summary>The routes: method and a pattern of segments, <c>{name}</c> for one of any text, <c>{name*}</c> for one or more.</summary>
internal sealed class Router
{
    // By the first segment, which is never a parameter.
    private readonly Dictionary<string, List<Route>> _routes = [];

    /// <summary>Adds a route.</summary>
    public void Map(string method, string pattern, ApiHandler handler)
    {
        string[] segments = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (!_routes.TryGetValue(segments[0], out List<Route>? list))
            _routes[segments[0]] = list = [];
        list.Add(new Route(method, segments, handler));
    }

    /// <summary>The handler for a path without its version, and the parameters; null where there is none.</summary>
    public ApiHandler? Find(string method, string path, Dictionary<string, string> parameters)
    {
        string[] segments = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (segments.Length == 0 || !_routes.TryGetValue(segments[0], out List<Route>? list))
            return null;
        foreach (Route route in list)
        {
            if (route.Method == method && Match(route.Segments, segments, parameters))
                return route.Handler;
        }
        return null;
    }

    private static bool Match(string[] pattern, string[] segments, Dictionary<string, string> parameters)
    {
        parameters.Clear();
        // At most one segment is greedy: what stands behind it is matched from the end.
        int greedy = Array.FindIndex(pattern, p => p.EndsWith("*}", StringComparison.Ordinal));
        if (greedy < 0 ? pattern.Length != segments.Length : segments.Length < pattern.Length)
            return false;
        int extra = segments.Length - pattern.Length;
        for (int i = 0; i < pattern.Length; i++)
        {
            string wanted = pattern[i];
            int at = greedy >= 0 && i > greedy ? i + extra : i;
            if (i == greedy)
                parameters[wanted[1..^2]] = Uri.UnescapeDataString(string.Join('/', segments[i..(i + extra + 1)]));
            else if (wanted[0] == '{')
                parameters[wanted[1..^1]] = Uri.UnescapeDataString(segments[at]);
            else if (wanted != segments[at])
                return false;
        }
        return true;
    }

    private sealed record Route(string Method, string[] Segments, ApiHandler Handler);
}
