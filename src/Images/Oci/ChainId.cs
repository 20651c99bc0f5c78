using System.Text;

namespace AotRuntime.Images;

/// <summary>Names of stacks of layers (image-spec, config.md#layer-chainid).</summary>
public static class ChainId
{
    /// <summary><c>ChainID(L₀|…|Lₙ) = Digest(ChainID(L₀|…|Lₙ₋₁) + " " + DiffID(Lₙ))</c>; the lowest layer's is its diff id.</summary>
    public static Digest Next(Digest parent, Digest diffId) =>
        parent.IsEmpty ? diffId : Digest.Sha256(Encoding.ASCII.GetBytes($"{parent} {diffId}"));

    /// <summary>The chain ids of every height, base first.</summary>
    public static Digest[] All(ReadOnlySpan<Digest> diffIds)
    {
        Digest[] chain = new Digest[diffIds.Length];
        Digest parent = default;
        for (int i = 0; i < diffIds.Length; i++)
            chain[i] = parent = Next(parent, diffIds[i]);
        return chain;
    }
}
