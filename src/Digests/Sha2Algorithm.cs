namespace AotRuntime.Digests;

/// <summary>A hash of the SHA-2 family (FIPS 180-4). <c>native/digest/sha2.h</c> has the same values.</summary>
public enum Sha2Algorithm
{
    /// <summary>SHA-256: 32 bytes.</summary>
    Sha256,
    /// <summary>SHA-384: 48 bytes.</summary>
    Sha384,
    /// <summary>SHA-512: 64 bytes.</summary>
    Sha512,
}

/// <summary>What is known of each algorithm.</summary>
public static class Sha2Algorithms
{
    /// <summary>The name in OCI digests: <c>sha256</c>, <c>sha384</c> or <c>sha512</c>.</summary>
    public static string Name(this Sha2Algorithm algorithm) => algorithm switch
    {
        Sha2Algorithm.Sha256 => "sha256",
        Sha2Algorithm.Sha384 => "sha384",
        Sha2Algorithm.Sha512 => "sha512",
        _ => throw new ArgumentOutOfRangeException(nameof(algorithm)),
    };

    /// <summary>The size of a hash, in bytes.</summary>
    internal static int HashSize(this Sha2Algorithm algorithm) => algorithm switch
    {
        Sha2Algorithm.Sha256 => 32,
        Sha2Algorithm.Sha384 => 48,
        Sha2Algorithm.Sha512 => 64,
        _ => throw new ArgumentOutOfRangeException(nameof(algorithm)),
    };
}
