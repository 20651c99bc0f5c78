using System.Collections.Generic;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace AotRuntime.JsonGenerator;

/// <summary>Fills each class marked with <c>[JsonContext]</c> with the code that reads and writes its root types.</summary>
[Generator]
public sealed class JsonContextGenerator : IIncrementalGenerator
{
    private const string ContextAttribute = "AotRuntime.Json.JsonContextAttribute";

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<Output> outputs = context.SyntaxProvider.ForAttributeWithMetadataName(
            ContextAttribute,
            static (node, _) => node is ClassDeclarationSyntax,
            static (found, _) => Generate((INamedTypeSymbol)found.TargetSymbol, found.Attributes[0]));
        context.RegisterSourceOutput(outputs, static (production, output) =>
        {
            foreach (Diagnostic problem in output.Problems)
                production.ReportDiagnostic(problem);
            production.AddSource(output.File, output.Source);
        });
    }

    private static Output Generate(INamedTypeSymbol context, AttributeData attribute)
    {
        var emitter = new ContextEmitter(context, new ContextOptions(attribute));
        string source = emitter.Emit();
        return new Output(context.ToDisplayString() + ".g.cs", source, emitter.Problems);
    }

    private sealed class Output
    {
        public Output(string file, string source, IReadOnlyList<Diagnostic> problems)
        {
            File = file;
            Source = source;
            Problems = problems;
        }

        public string File { get; }

        public string Source { get; }

        public IReadOnlyList<Diagnostic> Problems { get; }
    }
}

/// <summary>The settings of one context.</summary>
internal sealed class ContextOptions
{
    public ContextOptions(AttributeData attribute)
    {
        foreach (KeyValuePair<string, TypedConstant> setting in attribute.NamedArguments)
        {
            bool on = setting.Value.Value is true;
            switch (setting.Key)
            {
                case "CamelCase":
                    CamelCase = on;
                    break;
                case "IgnoreCase":
                    IgnoreCase = on;
                    break;
                case "OmitNulls":
                    OmitNulls = on;
                    break;
                case "NullIsZero":
                    NullIsZero = on;
                    break;
                case "StrictNulls":
                    StrictNulls = on;
                    break;
            }
        }
    }

    public bool CamelCase { get; }

    public bool IgnoreCase { get; }

    public bool OmitNulls { get; }

    public bool NullIsZero { get; }

    public bool StrictNulls { get; }
}
