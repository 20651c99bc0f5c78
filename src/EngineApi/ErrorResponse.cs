using System.Text.Json.Serialization;

namespace AotRuntime.EngineApi;

/// <summary>The body of every error.</summary>
public sealed class ErrorResponse
{
    [JsonPropertyName("message")] public string Message { get; set; } = "";
}

/// <summary>Go's <c>struct{}</c>, the value of maps that are sets.</summary>
public sealed class EmptyObject
{
    /// <summary>The one value.</summary>
    public static EmptyObject Instance { get; } = new();
}

/// <summary>Versions of the API.</summary>
public static class ApiVersions
{
    /// <summary>The newest one spoken.</summary>
    public const string Current = "1.51";

    /// <summary>The oldest one spoken.</summary>
    public const string Minimum = "1.24";

    /// <summary>Compares two of them by number: 1.9 is older than 1.24.</summary>
    public static int Compare(string a, string b)
    {
        ReadOnlySpan<char> left = a, right = b;
        while (true)
        {
            int x = Next(ref left), y = Next(ref right);
            if (x != y)
                return x.CompareTo(y);
            if (left.IsEmpty && right.IsEmpty)
                return 0;
        }
    }

    private static int Next(ref ReadOnlySpan<char> rest)
    {
        int dot = rest.IndexOf('.');
        ReadOnlySpan<char> part = dot < 0 ? rest : rest[..dot];
        rest = dot < 0 ? default : rest[(dot + 1)..];
        return int.TryParse(part, out int number) ? number : 0;
    }
}
