namespace AotRuntime.Images.Tar;

/// <summary>A stream that is no tar, ends too early, or passes a limit.</summary>
public sealed class TarException(string message) : IOException(message)
{
    /// <summary>The stream ended inside an entry; Go's text, which tools know.</summary>
    internal static TarException UnexpectedEnd() => new("unexpected EOF");

    /// <summary>A header that makes no sense; Go's text.</summary>
    internal static TarException InvalidHeader() => new("archive/tar: invalid tar header");
}
