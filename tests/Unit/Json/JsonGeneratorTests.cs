using AotRuntime.Json;
using AotRuntime.JsonGenerator;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace AotRuntime.Tests.Unit.Json;

/// <summary>What can't be read or written fails the build; nothing is left out in silence.</summary>
public class JsonGeneratorTests
{
    private static readonly MetadataReference[] s_references =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':').Select(path => MetadataReference.CreateFromFile(path)),
    ];

    private static List<string> Problems(string member, string settings = "", string before = "")
    {
        string source = $$"""
            using System; using System.Collections.Generic; using System.Text.Json; using System.Text.Json.Serialization; using AotRuntime.Json;
            namespace AotRuntime.Sample;
            {{before}}
            public sealed class Thing { {{member}} }
            [JsonContext({{settings}})] [JsonRoot(typeof(Thing))] public static partial class Context;
            """;
        CSharpCompilation compilation = CSharpCompilation.Create(
            "sample", [CSharpSyntaxTree.ParseText(source)], s_references, new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        CSharpGeneratorDriver.Create(new JsonContextGenerator()).RunGeneratorsAndUpdateCompilation(compilation, out Compilation result, out var problems);
        return [.. problems.Concat(result.GetDiagnostics()).Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.Id + ": " + d.GetMessage())];
    }

    [Theory]
    [InlineData("public int? A { get; set; } public List<Dictionary<string, long>> B { get; init; } public Thing C { get; set; }")]
    [InlineData("[JsonIgnore] public Uri A { get; set; } [JsonIgnore] public int B => 1; public static Thing C { get; } internal Uri D { get; set; }")]
    public void What_has_a_form_compiles(string member) => Assert.Empty(Problems(member, "CamelCase = true, IgnoreCase = true, OmitNulls = true, NullIsZero = true, StrictNulls = true"));

    [Theory]
    [InlineData("public Uri A { get; set; }", "without JSON form")]
    [InlineData("public List<Uri> A { get; set; }", "no JSON form")]
    [InlineData("public Dictionary<int, string> A { get; set; }", "without JSON form")]
    [InlineData("public double A { get; set; }", "without JSON form")]
    [InlineData("public int A { get; }", "can't be set")]
    [InlineData("[JsonConverter(typeof(JsonStringEnumConverter))] public string A { get; set; }", "has a converter")]
    [InlineData("[JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] public DateTimeOffset A { get; set; }", "default can't be told")]
    public void What_has_none_is_an_error(string member, string why) =>
        Assert.Contains(Problems(member), p => p.StartsWith("AOTJSON1", StringComparison.Ordinal) && p.Contains(why, StringComparison.Ordinal));
}
