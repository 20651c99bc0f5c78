using System.Collections.Generic;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;

namespace AotRuntime.JsonGenerator;

/// <summary>Writes the method that reads a type.</summary>
internal static class ReaderEmitter
{
    private const string Reader = "ref global::System.Text.Json.Utf8JsonReader r";

    public static void Emit(ContextEmitter context, ITypeSymbol type)
    {
        string full = type.ToDisplayString(Shapes.Full), name = context.NameOf(type);
        Shape shape = Shapes.Of(type);
        StringBuilder code = context.Code;
        code.Append($"private static {full} Read{name}({Reader})\n{{\n");
        switch (shape)
        {
            case Shape.Object:
                EmitObject(context, (INamedTypeSymbol)type, full, name);
                return;
            case Shape.List:
            case Shape.Array:
                ITypeSymbol item = Shapes.Item(type);
                code.Append("if (!JsonIn.List(ref r)) return null;\n");
                code.Append($"global::System.Collections.Generic.List<{item.ToDisplayString(Shapes.Full)}> list = new();\n");
                code.Append($"while (JsonIn.NextItem(ref r)) list.Add({Value(context, item)});\n");
                code.Append(shape == Shape.List ? "return list;\n}\n" : "return list.ToArray();\n}\n");
                return;
            case Shape.Map:
            case Shape.SortedMap:
                code.Append($"if (!JsonIn.Object(ref r)) return null;\n{full} map = new();\n");
                code.Append($"while (JsonIn.NextName(ref r)) {{ string key = JsonIn.Key(ref r); map[key] = {Value(context, Shapes.Item(type))}; }}\nreturn map;\n}}\n");
                return;
            default:
                code.Append($"return {Value(context, type)};\n}}\n");
                return;
        }
    }

    private static void EmitObject(ContextEmitter context, INamedTypeSymbol type, string full, string name)
    {
        StringBuilder code = context.Code, accessors = new();
        List<Member> members = context.MembersOf(type);
        IMethodSymbol? constructor = type.InstanceConstructors.FirstOrDefault(c => c.Parameters.Length == 0 && c.DeclaredAccessibility >= Accessibility.Internal);
        List<string> arguments = new();
        code.Append("if (!JsonIn.Object(ref r)) return null;\n");
        if (constructor == null)
        {
            // A record with its members in its parameters: they are collected first.
            constructor = type.InstanceConstructors.FirstOrDefault(c => c.DeclaredAccessibility == Accessibility.Public);
            foreach (IParameterSymbol parameter in constructor?.Parameters ?? default)
            {
                if (members.Find(m => m.Property.Name == parameter.Name) is not { } member)
                    context.Refuse(type, $"no member of {type} gives the parameter {parameter.Name} of its constructor");
                else
                    code.Append($"{member.Type.ToDisplayString(Shapes.Full)} v{members.IndexOf(member)} = default;\n");
                arguments.Add($"v{members.FindIndex(m => m.Property.Name == parameter.Name)}");
            }
            if (members.Any(m => constructor == null || constructor.Parameters.All(p => p.Name != m.Property.Name)))
                context.Refuse(type, $"{type} has members besides the parameters of its constructor");
        }
        else
        {
            code.Append($"{full} v = new();\n");
        }
        string names = string.Concat(members.Select(m => $"\\u{Encoding.UTF8.GetByteCount(m.Name):x4}{Escaped(m.Name)}"));
        string ignoreCase = context.Options.IgnoreCase ? "true" : "false";
        code.Append($"while (JsonIn.Next(ref r, \"{names}\"u8, {ignoreCase}, out int m)) switch (m)\n{{\n");
        for (int i = 0; i < members.Count; i++)
            code.Append($"case {i}: {Assign(context, members[i], i, name, full, arguments.Count > 0, accessors)}; break;\n");
        code.Append("}\n");
        code.Append(arguments.Count > 0 ? $"return new({string.Join(", ", arguments)});\n}}\n" : "return v;\n}\n");
        code.Append(accessors);
    }

    private static string Assign(ContextEmitter context, Member member, int index, string name, string full, bool byConstructor, StringBuilder accessors)
    {
        string value = member.Codec is { } codec ? $"{codec.ToDisplayString(Shapes.Full)}.Read(ref r)" : Value(context, member.Type);
        if (context.Options.StrictNulls && member.Type.IsReferenceType && !member.MayBeNull)
            value = $"JsonIn.Required({value})";
        if (byConstructor)
            return $"v{index} = {value}";
        IPropertySymbol property = member.Property;
        if (property.SetMethod is not { DeclaredAccessibility: Accessibility.Public } setter)
        {
            context.Refuse(property, $"{property} can't be set; give it a setter or [JsonIgnore]");
            return "";
        }
        if (!setter.IsInitOnly)
            return $"v.{property.Name} = {value}";
        // Not by an object initializer: a member that the document has not keeps what the type gave it.
        string type = member.Type.ToDisplayString(Shapes.Full);
        accessors.Append($"[global::System.Runtime.CompilerServices.UnsafeAccessor(global::System.Runtime.CompilerServices.UnsafeAccessorKind.Method, Name = \"set_{property.Name}\")]\n");
        accessors.Append($"private static extern void Set{name}{property.Name}({full} target, {type} value);\n");
        return $"Set{name}{property.Name}(v, {value})";
    }

    /// <summary>The expression that reads a value of a type.</summary>
    private static string Value(ContextEmitter context, ITypeSymbol type)
    {
        string orZero = context.Options.NullIsZero ? "OrZero" : "";
        switch (Shapes.Of(type))
        {
            case Shape.Text:
                return context.Options.NullIsZero ? "JsonIn.TextOrEmpty(ref r)" : "JsonIn.Text(ref r)";
            case Shape.Boolean:
            case Shape.Signed:
            case Shape.Unsigned:
                return $"JsonIn.{type.Name}{orZero}(ref r)";
            case Shape.Optional:
                ITypeSymbol inner = ((INamedTypeSymbol)type).TypeArguments[0];
                return Shapes.Of(inner) == Shape.Element ? "JsonIn.ElementOrNull(ref r)" : $"JsonIn.{inner.Name}OrNull(ref r)";
            case Shape.Time:
                return "JsonIn.Time(ref r)";
            case Shape.Element:
                return "JsonIn.Element(ref r)";
            case Shape.ByHand:
                var codec = (ITypeSymbol)Shapes.Attribute(type, "AotRuntime.Json.JsonCodecAttribute")!.ConstructorArguments[0].Value!;
                return $"{codec.ToDisplayString(Shapes.Full)}.Read(ref r)";
            case Shape.List when Shapes.Of(Shapes.Item(type)) == Shape.Text:
                return context.Options.NullIsZero ? "JsonIn.TextsOrEmpty(ref r)" : "JsonIn.Texts(ref r)";
            case Shape.Unsupported:
                context.Refuse(type, $"{type} has no JSON form");
                return "default";
            default:
                return $"Read{context.NameOf(type)}(ref r)";
        }
    }

    private static string Escaped(string name) => name.Replace("\\", "\\\\").Replace("\"", "\\\"");
}
