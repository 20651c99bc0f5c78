namespace AotRuntime.Images.Registry;

/// <summary>One challenge of a WWW-Authenticate field (RFC 9110 §11.6.1): a scheme and its parameters.</summary>
/// <param name="Scheme">In lower case: <c>bearer</c>, <c>basic</c>.</param>
/// <param name="Parameters">By lower-case name.</param>
public sealed record AuthChallenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    private const string Token = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// <summary>A parameter's value; empty where it is missing.</summary>
    public string this[string name] => Parameters.GetValueOrDefault(name, "");

    /// <summary>
    /// All challenges of one field; several are divided by commas, as parameters are: a token that no <c>=</c> follows starts a new one.
    /// What can't be read ends the list.
    /// </summary>
    public static List<AuthChallenge> Parse(string field)
    {
        List<AuthChallenge> challenges = [];
        Dictionary<string, string>? parameters = null;
        int at = 0;
        while (true)
        {
            while (at < field.Length && field[at] is ' ' or '\t' or ',')
                at++;
            int length = TokenLength(field.AsSpan(at));
            if (length == 0)
                return challenges;
            string name = field.Substring(at, length).ToLowerInvariant();
            at += length;
            int afterBlank = at;
            while (afterBlank < field.Length && field[afterBlank] is ' ' or '\t')
                afterBlank++;
            if (afterBlank >= field.Length || field[afterBlank] != '=')
            {
                parameters = [];
                challenges.Add(new AuthChallenge(name, parameters));
                continue;
            }
            at = afterBlank + 1;
            while (at < field.Length && field[at] is ' ' or '\t')
                at++;
            if (!ReadValue(field, ref at, out string value) || parameters is null)
                return challenges;
            parameters.TryAdd(name, value);
        }
    }

    private static bool ReadValue(string field, ref int at, out string value)
    {
        if (at >= field.Length || field[at] != '"')
        {
            int length = TokenLength(field.AsSpan(at));
            value = field.Substring(at, length);
            at += length;
            return true;
        }
        System.Text.StringBuilder text = new();
        for (at++; at < field.Length; at++)
        {
            char c = field[at];
            if (c == '"')
            {
                at++;
                value = text.ToString();
                return true;
            }
            if (c == '\\' && at + 1 < field.Length)
                c = field[++at];
            text.Append(c);
        }
        value = "";
        return false;
    }

    private static int TokenLength(ReadOnlySpan<char> text)
    {
        int length = text.IndexOfAnyExcept(Token);
        return length < 0 ? text.Length : length;
    }
}
