namespace AotRuntime.Http;

/// <summary>A query's names and values (WHATWG URL §5, application/x-www-form-urlencoded), in their order.</summary>
public sealed class HttpQuery
{
    private readonly List<KeyValuePair<string, string>> _pairs = [];

    /// <summary>An empty query, to be filled by <see cref="Add"/>.</summary>
    public HttpQuery()
    {
    }

    /// <summary>Takes a query apart, with or without its question mark. A malformed escape stands for itself.</summary>
    public static HttpQuery Parse(string query)
    {
        HttpQuery parsed = new();
        ReadOnlySpan<char> rest = query.AsSpan();
        if (rest is ['?', ..])
            rest = rest[1..];
        foreach (Range part in rest.Split('&'))
        {
            ReadOnlySpan<char> pair = rest[part];
            if (pair.IsEmpty)
                continue;
            int equals = pair.IndexOf('=');
            ReadOnlySpan<char> name = equals < 0 ? pair : pair[..equals];
            ReadOnlySpan<char> value = equals < 0 ? [] : pair[(equals + 1)..];
            parsed._pairs.Add(new(PercentEncoding.Decode(name, plusIsBlank: true), PercentEncoding.Decode(value, plusIsBlank: true)));
        }
        return parsed;
    }

    /// <summary>How many pairs there are.</summary>
    public int Count => _pairs.Count;

    /// <summary>The first value of <paramref name="name"/>; null where it is not given.</summary>
    public string? this[string name]
    {
        get
        {
            foreach (KeyValuePair<string, string> pair in _pairs)
            {
                if (pair.Key == name)
                    return pair.Value;
            }
            return null;
        }
    }

    /// <summary>Whether <paramref name="name"/> is given, with whatever value.</summary>
    public bool Contains(string name) => this[name] is not null;

    /// <summary>All values of <paramref name="name"/>.</summary>
    public IEnumerable<string> GetValues(string name)
    {
        foreach (KeyValuePair<string, string> pair in _pairs)
        {
            if (pair.Key == name)
                yield return pair.Value;
        }
    }

    /// <summary>
    /// A flag as Docker reads it: false where it is missing, empty, or one of <c>0 no false none</c> in any case; else true.
    /// </summary>
    public bool GetFlag(string name, bool whenMissing = false) =>
        this[name] is not { } value ? whenMissing : value.Trim().ToLowerInvariant() is not ("" or "0" or "no" or "false" or "none");

    /// <summary>Appends a pair.</summary>
    public HttpQuery Add(string name, string value)
    {
        _pairs.Add(new(name, value));
        return this;
    }

    /// <summary>The query in its encoded form, without a question mark.</summary>
    public override string ToString()
    {
        System.Text.StringBuilder text = new();
        foreach (KeyValuePair<string, string> pair in _pairs)
        {
            if (text.Length > 0)
                text.Append('&');
            text.Append(PercentEncoding.Encode(pair.Key)).Append('=').Append(PercentEncoding.Encode(pair.Value));
        }
        return text.ToString();
    }
}
