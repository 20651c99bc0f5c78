using System.Text;
using Microsoft.CodeAnalysis;

namespace AotRuntime.JsonGenerator;

/// <summary>Writes the method that writes a type.</summary>
internal static class WriterEmitter
{
    public static void Emit(ContextEmitter context, ITypeSymbol type)
    {
        string full = type.ToDisplayString(Shapes.Full), name = context.NameOf(type);
        StringBuilder code = context.Code;
        code.Append($"private static void Write{name}(global::System.Text.Json.Utf8JsonWriter w, {full} v)\n{{\n");
        if (type.IsReferenceType && Shapes.Of(type) != Shape.Text)
            code.Append("if (v is null) { w.WriteNullValue(); return; }\n");
        switch (Shapes.Of(type))
        {
            case Shape.Object:
                code.Append("w.WriteStartObject();\n");
                foreach (Member member in context.MembersOf(type))
                    code.Append(Property(context, member)).Append('\n');
                code.Append("w.WriteEndObject();\n}\n");
                return;
            case Shape.List:
            case Shape.Array:
                code.Append($"w.WriteStartArray();\nforeach (var item in v) {Value(context, Shapes.Item(type), "item")};\nw.WriteEndArray();\n}}\n");
                return;
            case Shape.Map:
            case Shape.SortedMap:
                code.Append("w.WriteStartObject();\nforeach (var entry in v)\n{\nw.WritePropertyName(entry.Key);\n");
                code.Append($"{Value(context, Shapes.Item(type), "entry.Value")};\n}}\nw.WriteEndObject();\n}}\n");
                return;
            default:
                code.Append($"{Value(context, type, "v")};\n}}\n");
                return;
        }
    }

    private static string Property(ContextEmitter context, Member member)
    {
        string name = $"\"{member.Name.Replace("\\", "\\\\").Replace("\"", "\\\"")}\"u8", value = "v." + member.Property.Name;
        if (member.Codec == null)
        {
            string or = member.Omit == Omit.Null ? "IfAny" : "OrNull";
            switch (Shapes.Of(member.Type))
            {
                case Shape.Text when member.Omit != Omit.Never:
                    return $"JsonOut.TextIfAny(w, {name}, {value});";
                case Shape.Text:
                    return context.Options.NullIsZero ? $"JsonOut.TextOrEmpty(w, {name}, {value});" : $"w.WriteString({name}, {value});";
                case Shape.Boolean:
                    return member.Omit == Omit.Default ? $"JsonOut.BooleanIfTrue(w, {name}, {value});" : $"w.WriteBoolean({name}, {value});";
                case Shape.Signed:
                    return member.Omit == Omit.Default ? $"JsonOut.NumberIfNotZero(w, {name}, (long){value});" : $"w.WriteNumber({name}, (long){value});";
                case Shape.Unsigned:
                    return member.Omit == Omit.Default ? $"JsonOut.NumberIfNotZero(w, {name}, {value});" : $"w.WriteNumber({name}, {value});";
                case Shape.Optional:
                    switch (Shapes.Of(((INamedTypeSymbol)member.Type).TypeArguments[0]))
                    {
                        case Shape.Boolean:
                            return $"JsonOut.Boolean{or}(w, {name}, {value});";
                        case Shape.Element:
                            return $"JsonOut.Element{or}(w, {name}, {value});";
                        case Shape.Unsigned:
                            return $"JsonOut.Number{or}(w, {name}, {value});";
                        default:
                            return $"JsonOut.Number{or}(w, {name}, (long?){value});";
                    }
            }
        }
        if (member.Omit == Omit.Default)
            context.Refuse(member.Property, $"{member.Property} is of a type whose default can't be told");
        string write = member.Codec is { } codec
            ? $"if ({value} is null) w.WriteNullValue(); else {codec.ToDisplayString(Shapes.Full)}.Write(w, {value});"
            : Value(context, member.Type, value) + ";";
        write = $"w.WritePropertyName({name}); {write}";
        return member.Omit == Omit.Null ? $"if ({value} is not null) {{ {write} }}" : write;
    }

    /// <summary>The statement that writes a value of a type, without its semicolon.</summary>
    private static string Value(ContextEmitter context, ITypeSymbol type, string value)
    {
        bool orEmpty = context.Options.NullIsZero;
        switch (Shapes.Of(type))
        {
            case Shape.Text:
                return orEmpty ? $"w.WriteStringValue({value} ?? \"\")" : $"w.WriteStringValue({value})";
            case Shape.Boolean:
                return $"w.WriteBooleanValue({value})";
            case Shape.Signed:
                return $"w.WriteNumberValue((long){value})";
            case Shape.Unsigned:
                return $"w.WriteNumberValue({value})";
            case Shape.Time:
                return $"w.WriteStringValue({value})";
            case Shape.Element:
                return $"{value}.WriteTo(w)";
            case Shape.ByHand:
                var codec = (ITypeSymbol)Shapes.Attribute(type, "AotRuntime.Json.JsonCodecAttribute")!.ConstructorArguments[0].Value!;
                return $"{codec.ToDisplayString(Shapes.Full)}.Write(w, {value})";
            case Shape.List when Shapes.Of(Shapes.Item(type)) == Shape.Text:
                return orEmpty ? $"JsonOut.TextsOrEmpty(w, {value})" : $"JsonOut.Texts(w, {value})";
            case Shape.Array when Shapes.Of(Shapes.Item(type)) == Shape.Text && !orEmpty:
                return $"JsonOut.Texts(w, {value})";
            case Shape.Optional:
            case Shape.Unsupported:
                context.Refuse(type, $"{type} has no JSON form here");
                return "";
            default:
                return $"Write{context.NameOf(type)}(w, {value})";
        }
    }
}
