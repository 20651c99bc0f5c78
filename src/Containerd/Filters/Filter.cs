using AotRuntime.Patterns;

namespace AotRuntime.Containerd;

/// <summary>The value that an object has under a field path; null where it has none.</summary>
internal delegate string? FilterFields(ReadOnlySpan<string> path);

/// <summary>
/// containerd's filters: each a comma-separated list of selectors that must all match (<c>name==x,labels."a.b"~=^c</c>); an object
/// passes when any of the filters matches, or when there are none.
/// </summary>
internal sealed class Filter
{
    private readonly Selector[][] _anyOf;

    private Filter(Selector[][] anyOf) => _anyOf = anyOf;

    /// <summary>Reads filters.</summary>
    /// <exception cref="Rpc.RpcException">InvalidArgument: one cannot be read.</exception>
    public static Filter Parse(IEnumerable<string> filters)
    {
        List<Selector[]> anyOf = [];
        foreach (string filter in filters)
        {
            // An empty filter matches everything, whatever stands beside it.
            anyOf.Add(filter.Length == 0 ? [] : new FilterParser(filter).Parse());
        }
        return new Filter([.. anyOf]);
    }

    /// <summary>Whether the object passes.</summary>
    public bool Matches(FilterFields fields)
    {
        if (_anyOf.Length == 0)
            return true;
        foreach (Selector[] all in _anyOf)
        {
            if (Array.TrueForAll(all, selector => selector.Matches(fields)))
                return true;
        }
        return false;
    }

    internal enum Operator
    {
        Present,
        Equal,
        NotEqual,
        Match,
    }

    internal sealed class Selector(string[] path, Operator op, string value)
    {
        private readonly Pattern? _pattern = op == Operator.Match ? Pattern.Parse(value) : null;

        public bool Matches(FilterFields fields)
        {
            string? have = fields(path);
            return op switch
            {
                Operator.Present => have is not null,
                Operator.Equal => have == value,
                Operator.NotEqual => (have ?? "") != value,
                _ => _pattern!.IsMatch(have ?? ""),
            };
        }
    }
}
