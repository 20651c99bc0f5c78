using AotRuntime.Rpc;

namespace AotRuntime.Containerd;

/// <summary>What containerd's clients say of every call in its metadata: whose objects, and which lease new ones belong to.</summary>
internal static class CallScope
{
    private const int MaxIdentifierLength = 76;

    /// <summary>The call's namespace, checked.</summary>
    /// <exception cref="RpcException">There is none, or it is no identifier.</exception>
    public static string Namespace(RpcContext context)
    {
        // ttrpc clients use a name of their own for the same value.
        string? ns = context.Metadata["containerd-namespace"] ?? context.Metadata["containerd-namespace-ttrpc"];
        if (string.IsNullOrEmpty(ns))
            throw ContainerdError.FailedPrecondition("namespace is required");
        try
        {
            CheckIdentifier(ns);
        }
        catch (RpcException e)
        {
            throw new RpcException(e.Status, $"namespace validation: {e.Message}");
        }
        return ns;
    }

    /// <summary>The lease that objects made by the call are kept by; null for none.</summary>
    public static string? Lease(RpcContext context) => context.Metadata["containerd-lease"] is { Length: > 0 } lease ? lease : null;

    /// <summary>Checks that <paramref name="id"/> may name a namespace, container, exec or lease: it becomes part of paths.</summary>
    public static void CheckIdentifier(string id)
    {
        if (id.Length == 0)
            throw ContainerdError.InvalidArgument("identifier must not be empty");
        if (id.Length > MaxIdentifierLength)
            throw ContainerdError.InvalidArgument($"identifier \"{id}\" greater than maximum length ({MaxIdentifierLength} characters)");

        // [A-Za-z0-9]+ in groups that single . _ or - join.
        bool afterAlphanumeric = false;
        foreach (char c in id)
        {
            bool alphanumeric = char.IsAsciiLetterOrDigit(c);
            if (!alphanumeric && !(afterAlphanumeric && c is '.' or '_' or '-'))
                throw Mismatch(id);
            if (!alphanumeric && !afterAlphanumeric)
                throw Mismatch(id);
            afterAlphanumeric = alphanumeric;
        }
        if (!afterAlphanumeric)
            throw Mismatch(id);
    }

    private static RpcException Mismatch(string id) =>
        ContainerdError.InvalidArgument($"identifier \"{id}\" must match ^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$");
}
