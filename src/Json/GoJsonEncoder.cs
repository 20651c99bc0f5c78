using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;

namespace AotRuntime.Json;

/// <summary>
/// Escapes what Go's encoding/json escapes, and nothing else, so that a document has the bytes that the programs in whose place we are
/// would have written. The framework's own encoders also cost a tenth of a millisecond at first use: they look at each of 65,536 characters.
/// </summary>
public sealed class GoJsonEncoder : JavaScriptEncoder
{
    private const string Hex = "0123456789abcdef";

    private readonly bool _html;
    private readonly SearchValues<char> _plain;
    private readonly SearchValues<byte> _plainUtf8;

    private GoJsonEncoder(bool html)
    {
        _html = html;
        Span<char> plain = stackalloc char[128];
        Span<byte> utf8 = stackalloc byte[128];
        int count = 0;
        for (int c = 0; c < 128; c++)
        {
            if (WillEncode(c))
                continue;
            plain[count] = (char)c;
            utf8[count++] = (byte)c;
        }
        _plain = SearchValues.Create(plain[..count]);
        _plainUtf8 = SearchValues.Create(utf8[..count]);
    }

    /// <summary>As <c>json.Marshal</c>: what HTML gives a meaning is escaped too.</summary>
    public static GoJsonEncoder Html { get; } = new(html: true);

    /// <summary>As an encoder with <c>SetEscapeHTML(false)</c>.</summary>
    public static GoJsonEncoder Plain { get; } = new(html: false);

    /// <inheritdoc/>
    public override int MaxOutputCharactersPerInputCharacter => 6;

    /// <inheritdoc/>
    public override bool WillEncode(int unicodeScalar) => unicodeScalar switch
    {
        < ' ' or '"' or '\\' => true,
        '<' or '>' or '&' => _html,
        // Ends of lines in JavaScript, though not in JSON.
        0x2028 or 0x2029 => true,
        _ => false,
    };

    /// <inheritdoc/>
    // The caller's pointer and length are one span: TextEncoder pins a span of its own before each call.
    public override unsafe int FindFirstCharacterToEncode(char* text, int textLength)
    {
        ReadOnlySpan<char> all = new(text, textLength);
        int at = all.IndexOfAnyExcept(_plain);
        while (at >= 0 && at < all.Length)
        {
            if (Rune.DecodeFromUtf16(all[at..], out Rune rune, out int length) != OperationStatus.Done || WillEncode(rune.Value))
                return at;
            at += length;
        }
        return -1;
    }

    /// <inheritdoc/>
    public override int FindFirstCharacterToEncodeUtf8(ReadOnlySpan<byte> utf8Text)
    {
        int at = utf8Text.IndexOfAnyExcept(_plainUtf8);
        while (at >= 0 && at < utf8Text.Length)
        {
            if (Rune.DecodeFromUtf8(utf8Text[at..], out Rune rune, out int length) != OperationStatus.Done || WillEncode(rune.Value))
                return at;
            at += length;
        }
        return -1;
    }

    /// <inheritdoc/>
    // As above: the buffer is a span that the caller has pinned.
    public override unsafe bool TryEncodeUnicodeScalar(int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten)
    {
        Span<char> escape = stackalloc char[6] { '\\', 'u', Hex[(unicodeScalar >> 12) & 15], Hex[(unicodeScalar >> 8) & 15], Hex[(unicodeScalar >> 4) & 15], Hex[unicodeScalar & 15] };
        char letter = unicodeScalar switch
        {
            '"' or '\\' => (char)unicodeScalar,
            '\b' => 'b',
            '\f' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            _ => '\0',
        };
        if (letter != 0)
        {
            escape = escape[..2];
            escape[1] = letter;
        }
        bool fits = escape.TryCopyTo(new Span<char>(buffer, bufferLength));
        numberOfCharactersWritten = fits ? escape.Length : 0;
        return fits;
    }
}
