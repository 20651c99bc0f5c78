using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AotRuntime.Json;

/// <summary>Whole documents, by the codecs of a context.</summary>
public static class JsonText
{
    /// <summary>A document as UTF-8.</summary>
    public static byte[] ToBytes<T>(T value, IJsonWriter<T> codec, JavaScriptEncoder? encoder = null)
    {
        var output = new ArrayBufferWriter<byte>();
        Write(output, value, codec, encoder);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>A document as text.</summary>
    public static string ToText<T>(T value, IJsonWriter<T> codec, JavaScriptEncoder? encoder = null)
    {
        var output = new ArrayBufferWriter<byte>();
        Write(output, value, codec, encoder);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    /// <summary>Writes a document.</summary>
    public static void Write<T>(IBufferWriter<byte> output, T value, IJsonWriter<T> codec, JavaScriptEncoder? encoder = null)
    {
        // Generated code opens and closes in pairs: there is nothing to validate.
        using Utf8JsonWriter writer = new(output, new JsonWriterOptions { Encoder = encoder ?? GoJsonEncoder.Html, SkipValidation = true });
        codec.Write(writer, value);
    }

    /// <summary>Reads a document, the whole of <paramref name="utf8"/>.</summary>
    /// <exception cref="JsonException">It is none, or not of this type; says where.</exception>
    public static T? Parse<T>(ReadOnlySpan<byte> utf8, IJsonReader<T> codec)
    {
        Utf8JsonReader reader = new(utf8);
        try
        {
            reader.Read();
            T? value = codec.Read(ref reader);
            // Refuses whatever follows.
            reader.Read();
            return value;
        }
        // The reader says InvalidOperationException where a string is no Unicode.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw JsonFailure.Located(e, utf8, reader.BytesConsumed);
        }
    }

    /// <summary>Reads a part of a document that is parsed already.</summary>
    /// <exception cref="JsonException">It is not of this type; says where.</exception>
    public static T? Parse<T>(JsonElement element, IJsonReader<T> codec) => Parse(JsonMarshal.GetRawUtf8Value(element), codec);
}
