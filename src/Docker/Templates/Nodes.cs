namespace AotRuntime.Docker.Templates;

/// <summary>A part of a parsed template.</summary>
internal abstract record Node;

/// <summary>Text that is copied.</summary>
internal sealed record TextNode(string Text) : Node;

/// <summary>An action whose value is printed (unless it only sets a variable).</summary>
internal sealed record ActionNode(Pipeline Pipeline) : Node;

/// <summary>What <c>if</c>, <c>with</c> and <c>range</c> share.</summary>
internal sealed record BranchNode(BranchKind Kind, Pipeline Pipeline, List<Node> Body, List<Node> Else) : Node;

/// <summary><c>break</c> or <c>continue</c>.</summary>
internal sealed record LoopExitNode(bool Break) : Node;

/// <summary>The kinds of <see cref="BranchNode"/>.</summary>
internal enum BranchKind
{
    If,
    With,
    Range,
}

/// <summary>Commands, each taking the one before it as its last argument; the result may go to variables.</summary>
internal sealed record Pipeline(List<string> Variables, bool Declares, List<List<Operand>> Commands);

/// <summary>A word of a command; <paramref name="Offset"/> and <paramref name="Source"/> are for errors.</summary>
internal abstract record Operand(int Offset, string Source);

/// <summary>A string, number, boolean or nil.</summary>
internal sealed record ConstantOperand(object? Value, int Offset, string Source) : Operand(Offset, Source);

/// <summary>A function's name.</summary>
internal sealed record FunctionOperand(string Name, int Offset, string Source) : Operand(Offset, Source);

/// <summary>Fields of the dot: <c>.</c>, <c>.A.B</c>.</summary>
internal sealed record DotOperand(string[] Fields, int Offset, string Source) : Operand(Offset, Source);

/// <summary>Fields of a variable: <c>$</c>, <c>$x.A</c>.</summary>
internal sealed record VariableOperand(string Name, string[] Fields, int Offset, string Source) : Operand(Offset, Source);

/// <summary>A pipeline in parentheses, perhaps with fields of its result.</summary>
internal sealed record ParenthesizedOperand(Pipeline Pipeline, string[] Fields, int Offset, string Source) : Operand(Offset, Source);
