using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using AotRuntime.EngineApi;
using AotRuntime.Images;
using AotRuntime.Json;

namespace AotRuntime.Tests.Unit.Json;

/// <summary>The same contexts for System.Text.Json's serializer, by reflection.</summary>
internal static class ReferenceJson
{
    public static JsonSerializerOptions Engine { get; } = new()
    {
        PropertyNameCaseInsensitive = true,
        Encoder = GoJsonEncoder.Plain,
        Converters = { new Zero<long>(), new Zero<int>(), new Zero<uint>(), new Zero<ulong>(), new Zero<bool>(), new EmptyText() },
        TypeInfoResolver = Resolver(),
    };

    public static JsonSerializerOptions Image { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = GoJsonEncoder.Html,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new DigestText() },
        TypeInfoResolver = Resolver(),
    };

    public static JsonSerializerOptions Spec { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = GoJsonEncoder.Html,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        TypeInfoResolver = Resolver(),
    };

    public static JsonSerializerOptions Made { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = GoJsonEncoder.Html,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        TypeInfoResolver = Resolver(),
    };

    public static JsonSerializerOptions Plain { get; } = new() { Encoder = GoJsonEncoder.Html, TypeInfoResolver = Resolver() };

    private static DefaultJsonTypeInfoResolver Resolver() => new() { Modifiers = { ByHand } };

    /// <summary>Members with a codec of their own; there is but one such codec.</summary>
    private static void ByHand(JsonTypeInfo type)
    {
        foreach (JsonPropertyInfo property in type.Properties)
        {
            if (property.AttributeProvider is PropertyInfo info && info.CustomAttributes.Any(a => a.ConstructorArguments is [{ Value: Type { Name: "StringOrList" } }]))
                property.CustomConverter = new OneOrMore();
        }
    }

    private sealed class Zero<T> : JsonConverter<T> where T : struct
    {
        public override bool HandleNull => true;

        public override T Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Null ? default
            : typeof(T) == typeof(long) ? (T)(object)reader.GetInt64()
            : typeof(T) == typeof(int) ? (T)(object)reader.GetInt32()
            : typeof(T) == typeof(uint) ? (T)(object)reader.GetUInt32()
            : typeof(T) == typeof(ulong) ? (T)(object)reader.GetUInt64()
            : (T)(object)reader.GetBoolean();

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => JsonSerializer.Serialize(writer, value);
    }

    private sealed class EmptyText : JsonConverter<string>
    {
        public override bool HandleNull => true;

        public override string Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.GetString() ?? "";

        public override void Write(Utf8JsonWriter writer, string? value, JsonSerializerOptions options) => writer.WriteStringValue(value ?? "");

        public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.GetString()!;

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);
    }

    private sealed class OneOrMore : JsonConverter<List<string>>
    {
        public override List<string>? Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => StringOrList.Read(ref reader);

        public override void Write(Utf8JsonWriter writer, List<string> value, JsonSerializerOptions options) => JsonSerializer.Serialize(writer, value);
    }

    private sealed class DigestText : JsonConverter<Digest>
    {
        public override Digest Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.GetString() is not { Length: > 0 } text ? default
            : Digest.TryParse(text, out Digest digest) ? digest
            : throw new JsonException($"invalid digest {text}");

        public override void Write(Utf8JsonWriter writer, Digest value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
