namespace AotRuntime.Digests;

/// <summary>
/// A SHA-2 of bytes that come in pieces. Nothing is allocated but this object, and it need not be disposed. For one thread at a time.
/// </summary>
public sealed class Sha2Hash
{
    private Sha2State _state;

    /// <summary>A hash of no bytes yet.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such algorithm.</exception>
    public Sha2Hash(Sha2Algorithm algorithm)
    {
        if (algorithm is < Sha2Algorithm.Sha256 or > Sha2Algorithm.Sha512)
            throw new ArgumentOutOfRangeException(nameof(algorithm));
        Algorithm = algorithm;
        Reset();
    }

    /// <summary>Which hash it is.</summary>
    public Sha2Algorithm Algorithm { get; }

    /// <summary>Adds bytes behind those that were added before.</summary>
    public void Append(ReadOnlySpan<byte> data) => Sha2Native.Add(ref _state, Algorithm, data);

    /// <summary>The hash of all bytes so far as lower-case hex: 64, 96 or 128 digits. More may be appended after it.</summary>
    public string CurrentHex()
    {
        Span<byte> hash = stackalloc byte[Algorithm.HashSize()];
        Sha2Native.Hash(ref _state, Algorithm, hash);
        return Convert.ToHexStringLower(hash);
    }

    /// <summary>Forgets all bytes.</summary>
    public void Reset() => Sha2Native.Begin(ref _state, Algorithm);
}
