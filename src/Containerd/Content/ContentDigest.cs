using AotRuntime.Rpc;

namespace AotRuntime.Containerd;

/// <summary>Content digests, <c>algorithm:hex</c>; they become paths, and so are checked first.</summary>
internal static class ContentDigest
{
    /// <summary>Whether the text is a digest of an algorithm that we can compute.</summary>
    public static bool IsValid(string digest)
    {
        int colon = digest.IndexOf(':', StringComparison.Ordinal);
        int length = colon < 0 ? 0 : digest[..colon] switch
        {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => 0,
        };
        if (length == 0 || digest.Length != colon + 1 + length)
            return false;
        foreach (char c in digest.AsSpan(colon + 1))
        {
            if (c is not ((>= '0' and <= '9') or (>= 'a' and <= 'f')))
                return false;
        }
        return true;
    }

    /// <summary>Checks a digest that came with a request.</summary>
    public static void Check(string digest)
    {
        if (!IsValid(digest))
            throw new RpcException(RpcStatus.InvalidArgument, $"\"{digest}\" failed validation");
    }
}
