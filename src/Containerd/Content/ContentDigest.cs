using AotRuntime.Digests;
using AotRuntime.Rpc;

namespace AotRuntime.Containerd;

/// <summary>Content digests, <c>algorithm:hex</c>; they become paths, and so are checked first.</summary>
internal static class ContentDigest
{
    /// <summary>Whether the text is a digest of an algorithm that we can compute.</summary>
    public static bool IsValid(string digest) => Problem(digest) is null;

    /// <summary>What is wrong with a digest, in the words of OCI's go-digest; null for nothing.</summary>
    public static string? Problem(string digest)
    {
        int colon = digest.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0 || colon + 1 == digest.Length)
            return "invalid checksum digest format";
        int length = digest[..colon] switch
        {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => 0,
        };
        if (length == 0)
            return "unsupported digest algorithm";
        if (digest.Length != colon + 1 + length)
            return "invalid checksum digest length";
        return digest.AsSpan(colon + 1).ContainsAnyExcept("0123456789abcdef") ? "invalid checksum digest format" : null;
    }

    /// <summary>The algorithm of a valid digest; SHA-256 where the digest is not known yet.</summary>
    public static Sha2Algorithm Algorithm(string digest) =>
        digest.StartsWith("sha512:", StringComparison.Ordinal) ? Sha2Algorithm.Sha512
        : digest.StartsWith("sha384:", StringComparison.Ordinal) ? Sha2Algorithm.Sha384
        : Sha2Algorithm.Sha256;

    /// <summary>Checks a digest that came with a request.</summary>
    public static void Check(string digest)
    {
        if (!IsValid(digest))
            throw new RpcException(RpcStatus.InvalidArgument, $"\"{digest}\" failed validation");
    }
}
