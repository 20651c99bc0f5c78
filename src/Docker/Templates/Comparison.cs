namespace AotRuntime.Docker.Templates;

/// <summary><c>eq</c>, <c>ne</c>, <c>lt</c>, <c>le</c>, <c>gt</c>, <c>ge</c>.</summary>
internal static class Comparison
{
    /// <summary>Calls one of them; <c>eq</c> holds if the first equals any of the others.</summary>
    public static object Call(string name, List<object?> args)
    {
        if (args.Count < 2)
            throw new TemplateException($"error calling {name}: missing argument for comparison");
        switch (name)
        {
            case "eq":
                for (int i = 1; i < args.Count; i++)
                {
                    if (AreEqual(name, args[0], args[i]))
                        return true;
                }
                return false;
            case "ne":
                return !AreEqual(name, args[0], args[1]);
        }
        int order = Order(name, args[0], args[1]);
        return name switch { "lt" => order < 0, "le" => order <= 0, "gt" => order > 0, _ => order >= 0 };
    }

    private static bool AreEqual(string name, object? a, object? b) => (a, b) switch
    {
        (null, _) or (_, null) => a is null && b is null,
        (string x, string y) => x == y,
        (bool x, bool y) => x == y,
        (long or double, long or double) => Order(name, a, b) == 0,
        (string or bool or long or double, string or bool or long or double) => throw new TemplateException($"error calling {name}: incompatible types for comparison"),
        _ when a == Values.Missing || b == Values.Missing => a == b,
        _ => throw new TemplateException($"error calling {name}: non-comparable type"),
    };

    private static int Order(string name, object? a, object? b) => (a, b) switch
    {
        (string x, string y) => string.CompareOrdinal(x, y),
        (long x, long y) => x.CompareTo(y),
        (double x, double y) => x.CompareTo(y),
        (long x, double y) => ((double)x).CompareTo(y),
        (double x, long y) => x.CompareTo((double)y),
        _ => throw new TemplateException($"error calling {name}: incompatible types for comparison"),
    };
}
