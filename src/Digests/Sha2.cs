namespace AotRuntime.Digests;

/// <summary>SHA-2 of bytes that are at hand.</summary>
public static class Sha2
{
    /// <summary>The hash as lower-case hex: 64, 96 or 128 digits.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such algorithm.</exception>
    public static string Hex(Sha2Algorithm algorithm, ReadOnlySpan<byte> data)
    {
        Span<byte> hash = stackalloc byte[algorithm.HashSize()];
        Sha2State state = default;
        Sha2Native.Begin(ref state, algorithm);
        Sha2Native.Add(ref state, algorithm, data);
        Sha2Native.Hash(ref state, algorithm, hash);
        return Convert.ToHexStringLower(hash);
    }
}
