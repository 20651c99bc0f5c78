using AotRuntime.Images.Tar;

namespace AotRuntime.Images;

/// <summary>What a layer's whiteouts become.</summary>
public enum WhiteoutMode
{
    /// <summary>The directory is an overlay's upper one: whiteouts become character devices 0/0 and opaque directories are marked.</summary>
    Overlay,

    /// <summary>The directory holds a copy of the layers below: what is whited out is deleted.</summary>
    Delete,

    /// <summary>The archive is no layer: such names mean nothing.</summary>
    None,
}

/// <summary>How to unpack a layer.</summary>
public sealed record UnpackOptions
{
    /// <summary>The directory to unpack into; it exists.</summary>
    public required string Directory { get; init; }

    /// <summary>What whiteouts become.</summary>
    public WhiteoutMode Whiteouts { get; init; } = WhiteoutMode.Overlay;

    /// <summary>
    /// The layers below, topmost first, where they are directories of their own (overlay): missing parents take their attributes from there,
    /// and hard links to files there bring a copy up.
    /// </summary>
    public IReadOnlyList<string> LowerDirectories { get; init; } = [];

    /// <summary>Refuse to put a directory in the place of something else, or something else in a directory's.</summary>
    public bool KeepKinds { get; init; }

    /// <summary>Whom everything belongs to; null for whom the archive says.</summary>
    public (uint Uid, uint Gid)? Owner { get; init; }

    /// <summary>How much the tar may ask for.</summary>
    public TarLimits Limits { get; init; } = TarLimits.Default;

    /// <summary>Most entries.</summary>
    public long MaxEntries { get; init; } = 10_000_000;

    /// <summary>Size of the blocks between decompression and tar.</summary>
    public int BlockSize { get; init; } = 256 * 1024;

    /// <summary>How many such blocks may wait.</summary>
    public int BlockCount { get; init; } = 4;

    /// <summary>Whether to bring everything to the disk at the end (syncfs).</summary>
    public bool Sync { get; init; } = true;

    /// <summary>Told now and then how many compressed bytes are done; called from the unpacking threads.</summary>
    public Action<long>? Progress { get; init; }

    /// <summary>Told of what was left out though the layer holds it (attributes that the file system can't keep).</summary>
    public Action<string>? Warn { get; init; }
}

/// <summary>What unpacking a layer gave.</summary>
/// <param name="DiffId">SHA-256 of the plain tar.</param>
/// <param name="Size">Bytes in the layer's files, by their headers (what Docker calls the layer's size).</param>
/// <param name="TarSize">Bytes of the plain tar.</param>
/// <param name="Entries">How many entries the tar had.</param>
public sealed record UnpackResult(Digest DiffId, long Size, long TarSize, long Entries);

/// <summary>A layer that can't be unpacked.</summary>
public sealed class UnpackException : IOException
{
    /// <summary>Makes an exception.</summary>
    public UnpackException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
