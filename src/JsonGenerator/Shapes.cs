using System.Linq;
using Microsoft.CodeAnalysis;

namespace AotRuntime.JsonGenerator;

internal enum Shape
{
    Unsupported,
    Text,
    Boolean,
    /// <summary>A whole number that <c>long</c> holds.</summary>
    Signed,
    /// <summary>A <c>ulong</c>.</summary>
    Unsigned,
    Time,
    Element,
    /// <summary>A nullable one of the above.</summary>
    Optional,
    List,
    Array,
    Map,
    SortedMap,
    /// <summary>A type whose code is written by hand.</summary>
    ByHand,
    Object,
}

/// <summary>What kinds of types there are to read and write.</summary>
internal static class Shapes
{
    public static readonly SymbolDisplayFormat Full = SymbolDisplayFormat.FullyQualifiedFormat;

    public static Shape Of(ITypeSymbol type)
    {
        if (Attribute(type, "AotRuntime.Json.JsonCodecAttribute") != null)
            return Shape.ByHand;
        switch (type.SpecialType)
        {
            case SpecialType.System_String:
                return Shape.Text;
            case SpecialType.System_Boolean:
                return Shape.Boolean;
            case SpecialType.System_Int64:
            case SpecialType.System_Int32:
            case SpecialType.System_UInt32:
            case SpecialType.System_UInt16:
                return Shape.Signed;
            case SpecialType.System_UInt64:
                return Shape.Unsigned;
        }
        if (type is IArrayTypeSymbol { Rank: 1 })
            return Shape.Array;
        if (type is not INamedTypeSymbol named)
            return Shape.Unsupported;
        if (named.OriginalDefinition.SpecialType == SpecialType.System_Nullable_T)
            return Of(named.TypeArguments[0]) is Shape.Boolean or Shape.Signed or Shape.Unsigned or Shape.Element ? Shape.Optional : Shape.Unsupported;
        switch (named.OriginalDefinition.ToDisplayString())
        {
            case "System.DateTimeOffset":
                return Shape.Time;
            case "System.Text.Json.JsonElement":
                return Shape.Element;
            case "System.Collections.Generic.List<T>":
                return Shape.List;
            case "System.Collections.Generic.Dictionary<TKey, TValue>" when named.TypeArguments[0].SpecialType == SpecialType.System_String:
                return Shape.Map;
            case "System.Collections.Generic.SortedDictionary<TKey, TValue>" when named.TypeArguments[0].SpecialType == SpecialType.System_String:
                return Shape.SortedMap;
        }
        // A type of another house has its own idea of what it is in JSON.
        return named.TypeKind == TypeKind.Class && !named.IsGenericType && !named.IsAbstract && named.ContainingNamespace.ToDisplayString().StartsWith("AotRuntime.")
            ? Shape.Object
            : Shape.Unsupported;
    }

    public static AttributeData? Attribute(ISymbol symbol, string name) =>
        symbol.GetAttributes().FirstOrDefault(a => a.AttributeClass?.ToDisplayString() == name);

    /// <summary>What a list, an array or a map holds.</summary>
    public static ITypeSymbol Item(ITypeSymbol type) => type is IArrayTypeSymbol array ? array.ElementType : ((INamedTypeSymbol)type).TypeArguments.Last();

    /// <summary>A name for the type within a context: <c>ListOfMountSpec</c>.</summary>
    public static string Name(ITypeSymbol type)
    {
        switch (Of(type))
        {
            case Shape.List:
                return "ListOf" + Name(Item(type));
            case Shape.Array:
                return "ArrayOf" + Name(Item(type));
            case Shape.Map:
                return "MapOf" + Name(Item(type));
            case Shape.SortedMap:
                return "SortedMapOf" + Name(Item(type));
            case Shape.Optional:
                return "Optional" + Name(((INamedTypeSymbol)type).TypeArguments[0]);
            default:
                return type.Name;
        }
    }

    /// <summary>The name of a root's property.</summary>
    public static string RootName(ITypeSymbol type) =>
        type is INamedTypeSymbol { IsGenericType: true } named ? named.Name + string.Concat(named.TypeArguments.Select(RootName)) : type.Name;
}
