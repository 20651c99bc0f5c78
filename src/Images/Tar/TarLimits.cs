namespace AotRuntime.Images.Tar;

/// <summary>How much a tar may ask for.</summary>
public sealed record TarLimits
{
    /// <summary>Largest payload of a pax header or a GNU long name, in bytes (Go's limit).</summary>
    public int MaxSpecialBytes { get; init; } = 1 << 20;

    /// <summary>Most regions of a sparse file.</summary>
    public int MaxSparseRegions { get; init; } = 1 << 20;

    /// <summary>Most pax and GNU headers in front of one entry.</summary>
    public int MaxSpecialHeaders { get; init; } = 64;

    /// <summary>Most bytes of the whole tar.</summary>
    public long MaxTotalBytes { get; init; } = 1L << 40;

    /// <summary>The defaults.</summary>
    public static TarLimits Default { get; } = new();
}
