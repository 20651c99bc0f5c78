namespace AotRuntime.Json;

/// <summary>
/// Marks a static partial class that the generator fills: for each <see cref="JsonRootAttribute"/> a property with its codec. Besides these
/// attributes it heeds System.Text.Json's <c>JsonPropertyName</c> and <c>JsonIgnore</c> on the types.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class JsonContextAttribute : Attribute
{
    /// <summary>Names begin with a small letter unless told otherwise.</summary>
    public bool CamelCase { get; set; }

    /// <summary>Names are matched without case, as Go does.</summary>
    public bool IgnoreCase { get; set; }

    /// <summary>Members that are null are left out.</summary>
    public bool OmitNulls { get; set; }

    /// <summary>A null stands for the zero value of strings, numbers and booleans, both ways, as in Go.</summary>
    public bool NullIsZero { get; set; }

    /// <summary>A null for a member whose type does not allow it is an error.</summary>
    public bool StrictNulls { get; set; }
}

/// <summary>A type that the context reads and writes as a document.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
public sealed class JsonRootAttribute(Type type) : Attribute
{
    /// <summary>The type.</summary>
    public Type Type { get; } = type;
}

/// <summary>
/// Names the static class that reads and writes this type or member by hand: <c>T Read(ref Utf8JsonReader)</c>, which also gets nulls, and
/// <c>void Write(Utf8JsonWriter, T)</c>, which does not.
/// </summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Struct | AttributeTargets.Class)]
public sealed class JsonCodecAttribute(Type codec) : Attribute
{
    /// <summary>The static class.</summary>
    public Type Codec { get; } = codec;
}
