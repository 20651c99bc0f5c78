using System.Runtime.InteropServices;
using System.Text.Json;

namespace AotRuntime.Json;

/// <summary>
/// What generated writing code calls for members that <see cref="Utf8JsonWriter"/> has no method of its own for. Those that end in
/// <c>OrNull</c> write a null where there is nothing; those with <c>If</c> leave the member out.
/// </summary>
public static class JsonOut
{
    /// <summary>A string; null is the empty one.</summary>
    public static void TextOrEmpty(Utf8JsonWriter writer, ReadOnlySpan<byte> name, string? value) => writer.WriteString(name, value ?? "");

    /// <inheritdoc cref="JsonOut"/>
    public static void TextIfAny(Utf8JsonWriter writer, ReadOnlySpan<byte> name, string? value)
    {
        if (value is not null)
            writer.WriteString(name, value);
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void BooleanIfTrue(Utf8JsonWriter writer, ReadOnlySpan<byte> name, bool value)
    {
        if (value)
            writer.WriteBoolean(name, true);
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void BooleanOrNull(Utf8JsonWriter writer, ReadOnlySpan<byte> name, bool? value)
    {
        if (value is { } some)
            writer.WriteBoolean(name, some);
        else
            writer.WriteNull(name);
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void BooleanIfAny(Utf8JsonWriter writer, ReadOnlySpan<byte> name, bool? value)
    {
        if (value is { } some)
            writer.WriteBoolean(name, some);
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void NumberIfNotZero(Utf8JsonWriter writer, ReadOnlySpan<byte> name, long value)
    {
        if (value != 0)
            writer.WriteNumber(name, value);
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void NumberIfNotZero(Utf8JsonWriter writer, ReadOnlySpan<byte> name, ulong value)
    {
        if (value != 0)
            writer.WriteNumber(name, value);
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void NumberOrNull(Utf8JsonWriter writer, ReadOnlySpan<byte> name, long? value)
    {
        if (value is { } some)
            writer.WriteNumber(name, some);
        else
            writer.WriteNull(name);
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void NumberOrNull(Utf8JsonWriter writer, ReadOnlySpan<byte> name, ulong? value)
    {
        if (value is { } some)
            writer.WriteNumber(name, some);
        else
            writer.WriteNull(name);
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void NumberIfAny(Utf8JsonWriter writer, ReadOnlySpan<byte> name, long? value)
    {
        if (value is { } some)
            writer.WriteNumber(name, some);
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void NumberIfAny(Utf8JsonWriter writer, ReadOnlySpan<byte> name, ulong? value)
    {
        if (value is { } some)
            writer.WriteNumber(name, some);
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void ElementOrNull(Utf8JsonWriter writer, ReadOnlySpan<byte> name, JsonElement? value)
    {
        writer.WritePropertyName(name);
        if (value is { } some)
            some.WriteTo(writer);
        else
            writer.WriteNullValue();
    }

    /// <inheritdoc cref="JsonOut"/>
    public static void ElementIfAny(Utf8JsonWriter writer, ReadOnlySpan<byte> name, JsonElement? value)
    {
        if (value is { })
            ElementOrNull(writer, name, value);
    }

    /// <summary>A list of strings, or null.</summary>
    public static void Texts(Utf8JsonWriter writer, List<string>? list)
    {
        if (list is null)
            writer.WriteNullValue();
        else
            Texts(writer, CollectionsMarshal.AsSpan(list));
    }

    /// <inheritdoc cref="Texts(Utf8JsonWriter, List{string}?)"/>
    public static void Texts(Utf8JsonWriter writer, string[]? list)
    {
        if (list is null)
            writer.WriteNullValue();
        else
            Texts(writer, list.AsSpan());
    }

    private static void Texts(Utf8JsonWriter writer, ReadOnlySpan<string> list)
    {
        writer.WriteStartArray();
        foreach (string item in list)
            writer.WriteStringValue(item);
        writer.WriteEndArray();
    }

    /// <summary>A list of strings, or null; nulls in it are empty strings.</summary>
    public static void TextsOrEmpty(Utf8JsonWriter writer, List<string>? list)
    {
        if (list is null)
        {
            writer.WriteNullValue();
            return;
        }
        writer.WriteStartArray();
        foreach (string? item in list)
            writer.WriteStringValue(item ?? "");
        writer.WriteEndArray();
    }
}
