using System.IO.Compression;

namespace AotRuntime.Images;

/// <summary>How a layer is compressed, told by its first bytes as Docker does: media types lie, magic numbers do not.</summary>
public enum LayerCompression
{
    /// <summary>A plain tar.</summary>
    None,

    /// <summary>gzip (RFC 1952), of one or more members.</summary>
    Gzip,

    /// <summary>zstd (RFC 8878).</summary>
    Zstd,
}

/// <summary>Opens a compressed layer.</summary>
internal static class LayerDecoder
{
    /// <summary>How many bytes <see cref="Detect"/> wants to see.</summary>
    public const int MagicLength = 10;

    /// <summary>Tells the compression by the first bytes.</summary>
    /// <exception cref="UnpackException">One that layers may not have.</exception>
    public static LayerCompression Detect(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith<byte>([0x1f, 0x8b, 0x08]))
            return LayerCompression.Gzip;
        if (start.StartsWith<byte>([0x28, 0xb5, 0x2f, 0xfd]))
            return LayerCompression.Zstd;
        // A skippable frame: 0x184D2A5? little endian; zstd:chunked layers may begin with one.
        if (start.Length >= 4 && (start[0] & 0xf0) == 0x50 && start[1..4].SequenceEqual<byte>([0x2a, 0x4d, 0x18]))
            return LayerCompression.Zstd;
        if (start.StartsWith("BZh"u8))
            throw new UnpackException("unsupported layer compression: bzip2");
        if (start.StartsWith<byte>([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]))
            throw new UnpackException("unsupported layer compression: xz");
        return LayerCompression.None;
    }

    /// <summary>The plain stream of <paramref name="compressed"/>.</summary>
    public static Stream Open(PipeReaderStream compressed)
    {
        Span<byte> start = stackalloc byte[MagicLength];
        int have = compressed.Peek(start);
        return Detect(start[..have]) switch
        {
            LayerCompression.Gzip => new GZipStream(compressed, CompressionMode.Decompress, leaveOpen: true),
            LayerCompression.Zstd => new ZstdSharp.DecompressionStream(compressed, bufferSize: 128 * 1024, checkEndOfStream: true, leaveOpen: true),
            _ => compressed,
        };
    }
}
