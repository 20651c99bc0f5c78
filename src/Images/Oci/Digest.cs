using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using AotRuntime.Digests;
using AotRuntime.Json;

namespace AotRuntime.Images;

/// <summary>A content digest, <c>sha256:</c> or <c>sha512:</c> and lower-case hex (image-spec, descriptor.md#digests).</summary>
[JsonCodec(typeof(DigestJson))]
public readonly struct Digest : IEquatable<Digest>
{
    private readonly string? _value;

    private Digest(string value) => _value = value;

    /// <summary>Whether this is no digest at all (a default value).</summary>
    public bool IsEmpty => _value is null;

    /// <summary>The part before the colon; empty for no digest.</summary>
    public string Algorithm => _value is null ? "" : _value[..6];

    /// <summary>The part after the colon: hex.</summary>
    public string Hex => _value is null ? "" : _value[7..];

    /// <summary>The first 12 hex digits, as progress lines and tables show them.</summary>
    public string Short => _value is null ? "" : _value.Substring(7, 12);

    /// <summary>The hash that makes such digests.</summary>
    public Sha2Algorithm HashAlgorithm => Algorithm == "sha512" ? Sha2Algorithm.Sha512 : Sha2Algorithm.Sha256;

    /// <summary>The SHA-256 of <paramref name="data"/>.</summary>
    public static Digest Sha256(ReadOnlySpan<byte> data) => Of(Sha2Algorithm.Sha256, data);

    /// <summary>The digest of <paramref name="data"/> by the algorithm of this one.</summary>
    public Digest OfSameAlgorithm(ReadOnlySpan<byte> data) => Of(HashAlgorithm, data);

    /// <summary>The digest of what was appended to <paramref name="hash"/>, a SHA-256 or SHA-512.</summary>
    public static Digest Of(Sha2Hash hash) => new($"{hash.Algorithm.Name()}:{hash.CurrentHex()}");

    private static Digest Of(Sha2Algorithm algorithm, ReadOnlySpan<byte> data) => new($"{algorithm.Name()}:{Sha2.Hex(algorithm, data)}");

    /// <summary>Reads a digest.</summary>
    /// <exception cref="FormatException">Not a digest; the text is go-digest's.</exception>
    public static Digest Parse(string text) =>
        TryParse(text, out Digest digest, out string? error) ? digest : throw new FormatException(error);

    /// <summary>Reads a digest where <paramref name="text"/> is one.</summary>
    public static bool TryParse(string? text, out Digest digest) => TryParse(text, out digest, out _);

    private static bool TryParse(string? text, out Digest digest, [NotNullWhen(false)] out string? error)
    {
        digest = default;
        int colon = text is null ? -1 : text.IndexOf(':');
        if (text is null || colon <= 0 || colon + 1 == text.Length)
        {
            error = "invalid checksum digest format";
            return false;
        }
        int hexLength = text.AsSpan(0, colon) switch { "sha256" => 64, "sha512" => 128, _ => 0 };
        if (hexLength == 0)
        {
            error = "unsupported digest algorithm";
            return false;
        }
        ReadOnlySpan<char> hex = text.AsSpan(colon + 1);
        if (hex.Length != hexLength)
        {
            error = "invalid checksum digest length";
            return false;
        }
        // Lower case only: two spellings of one blob would be two names for it.
        if (hex.ContainsAnyExcept("0123456789abcdef"))
        {
            error = "invalid checksum digest format";
            return false;
        }
        digest = new Digest(text);
        error = null;
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => _value ?? "";

    /// <inheritdoc/>
    public bool Equals(Digest other) => string.Equals(_value, other._value, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Digest other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _value is null ? 0 : string.GetHashCode(_value, StringComparison.Ordinal);

    /// <summary>Whether both are the same digest.</summary>
    public static bool operator ==(Digest left, Digest right) => left.Equals(right);

    /// <summary>Whether they differ.</summary>
    public static bool operator !=(Digest left, Digest right) => !left.Equals(right);
}

/// <summary>Digests in JSON are strings; a malformed one makes the document malformed.</summary>
public static class DigestJson
{
    /// <summary>Reads one; null and the empty string are none.</summary>
    public static Digest Read(ref Utf8JsonReader reader)
    {
        string? text = JsonIn.Text(ref reader);
        if (string.IsNullOrEmpty(text))
            return default;
        return Digest.TryParse(text, out Digest digest) ? digest : throw new JsonException($"invalid digest {text}");
    }

    /// <summary>Writes one.</summary>
    public static void Write(Utf8JsonWriter writer, Digest value) => writer.WriteStringValue(value.ToString());
}
