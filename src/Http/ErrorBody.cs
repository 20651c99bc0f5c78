using System.Buffers;
using System.Text.Json;

namespace AotRuntime.Http;

/// <summary>Bodies of error responses.</summary>
internal static class ErrorBody
{
    /// <summary>Docker's form, <c>{"message":"…"}</c> and a line end.</summary>
    public static byte[] Json(string message)
    {
        ArrayBufferWriter<byte> buffer = new(message.Length + 16);
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteString("message"u8, message);
            json.WriteEndObject();
        }
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }
}
