using Microsoft.CodeAnalysis;

namespace AotRuntime.JsonGenerator;

internal enum Omit
{
    Never,
    Null,
    Default,
}

/// <summary>One property of a type that is an object in JSON.</summary>
internal sealed class Member
{
    // System.Text.Json.Serialization.JsonIgnoreCondition
    private const int Never = 0, Always = 1, WhenWritingDefault = 2, WhenWritingNull = 3;

    private Member(IPropertySymbol property, string name, Omit omit)
    {
        Property = property;
        Name = name;
        Omit = omit;
        Codec = (ITypeSymbol?)Shapes.Attribute(property, "AotRuntime.Json.JsonCodecAttribute")?.ConstructorArguments[0].Value;
    }

    public IPropertySymbol Property { get; }

    public string Name { get; }

    public Omit Omit { get; }

    /// <summary>The static class that reads and writes it by hand.</summary>
    public ITypeSymbol? Codec { get; }

    public ITypeSymbol Type => Property.Type;

    public bool MayBeNull => Type.IsReferenceType ? Property.NullableAnnotation != NullableAnnotation.NotAnnotated : Shapes.Of(Type) == Shape.Optional;

    /// <summary>The property as a member of its object; null for one that is not.</summary>
    public static Member? Of(IPropertySymbol property, ContextOptions options)
    {
        if (property.IsStatic || property.IsIndexer || property.DeclaredAccessibility != Accessibility.Public)
            return null;
        Omit omit = options.OmitNulls && (property.Type.IsReferenceType || Shapes.Of(property.Type) == Shape.Optional) ? Omit.Null : Omit.Never;
        if (Shapes.Attribute(property, "System.Text.Json.Serialization.JsonIgnoreAttribute") is { } ignore)
        {
            int condition = Always;
            foreach (var setting in ignore.NamedArguments)
                condition = (int)setting.Value.Value!;
            switch (condition)
            {
                case Always:
                    return null;
                case Never:
                    omit = Omit.Never;
                    break;
                case WhenWritingNull:
                    omit = Omit.Null;
                    break;
                case WhenWritingDefault:
                    omit = property.Type.IsReferenceType || Shapes.Of(property.Type) == Shape.Optional ? Omit.Null : Omit.Default;
                    break;
            }
        }
        string name = Shapes.Attribute(property, "System.Text.Json.Serialization.JsonPropertyNameAttribute")?.ConstructorArguments[0].Value as string
            ?? (options.CamelCase ? CamelCase(property.Name) : property.Name);
        return new Member(property, name, omit);
    }

    /// <summary>As JsonNamingPolicy.CamelCase: a leading run of capitals becomes small, but for the last that begins a word.</summary>
    private static string CamelCase(string name)
    {
        char[] letters = name.ToCharArray();
        for (int i = 0; i < letters.Length && char.IsUpper(letters[i]); i++)
        {
            if (i > 0 && i + 1 < letters.Length && !char.IsUpper(letters[i + 1]))
                break;
            letters[i] = char.ToLowerInvariant(letters[i]);
        }
        return new string(letters);
    }
}
