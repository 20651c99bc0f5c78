using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AotRuntime.Docker.Templates;

/// <summary>A Go text/template, parsed.</summary>
public sealed class Template
{
    private readonly string _name;
    private readonly string _source;
    private readonly List<Node> _nodes;

    private Template(string name, string source, List<Node> nodes) => (_name, _source, _nodes) = (name, source, nodes);

    /// <summary>Parses <paramref name="source"/>; errors carry <paramref name="name"/>.</summary>
    /// <exception cref="TemplateException">Go's words for what is wrong.</exception>
    public static Template Parse(string source, string name = "") => new(name, source, Parser.Parse(source, name));

    /// <summary>Runs it over <paramref name="data"/>.</summary>
    /// <exception cref="TemplateException">A field that isn't there, a function's misuse, …</exception>
    public void Execute(StringBuilder output, object? data, bool header = false) => new Run(this, output, data, header).Execute();

    private sealed class Run(Template template, StringBuilder output, object? root, bool header)
    {
        private readonly List<(string Name, object? Value)> _variables = [("$", root)];

        private enum Flow
        {
            Next,
            Break,
            Continue,
        }

        public void Execute() => Walk(template._nodes, root);

        private Flow Walk(List<Node> nodes, object? dot)
        {
            foreach (Node node in nodes)
            {
                switch (node)
                {
                    case TextNode text:
                        output.Append(text.Text);
                        break;
                    case ActionNode action:
                        object? value = Evaluate(action.Pipeline, dot);
                        if (action.Pipeline.Variables.Count == 0)
                            output.Append(Values.Print(value));
                        break;
                    case LoopExitNode exit:
                        return exit.Break ? Flow.Break : Flow.Continue;
                    case BranchNode branch:
                        int mark = _variables.Count;
                        Flow flow = branch.Kind == BranchKind.Range ? Range(branch, dot) : Choose(branch, dot);
                        _variables.RemoveRange(mark, _variables.Count - mark);
                        if (flow != Flow.Next)
                            return flow;
                        break;
                }
            }
            return Flow.Next;
        }

        private Flow Choose(BranchNode branch, object? dot)
        {
            object? value = Evaluate(branch.Pipeline, dot);
            if (!Values.IsTrue(value))
                return Walk(branch.Else, dot);
            return Walk(branch.Body, branch.Kind == BranchKind.With ? value : dot);
        }

        private Flow Range(BranchNode branch, object? dot)
        {
            object? value = EvaluateCommands(branch.Pipeline, dot);
            List<(object? Key, object? Value)> items = Items(branch, value);
            if (items.Count == 0)
                return Walk(branch.Else, dot);
            foreach ((object? key, object? item) in items)
            {
                int mark = _variables.Count;
                List<string> names = branch.Pipeline.Variables;
                if (names.Count == 1)
                    Assign(names[0], item, branch.Pipeline.Declares);
                if (names.Count == 2)
                {
                    Assign(names[0], key, branch.Pipeline.Declares);
                    Assign(names[1], item, branch.Pipeline.Declares);
                }
                Flow flow = Walk(branch.Body, item);
                _variables.RemoveRange(mark, _variables.Count - mark);
                if (flow == Flow.Break)
                    break;
            }
            return Flow.Next;
        }

        private List<(object? Key, object? Value)> Items(BranchNode branch, object? value)
        {
            List<(object? Key, object? Value)> items = [];
            if (Functions.Elements(value) is { } list)
            {
                for (int i = 0; i < list.Count; i++)
                    items.Add(((long)i, list[i]));
                return items;
            }
            switch (value)
            {
                case null:
                    return items;
                case long count:
                    for (long i = 0; i < count; i++)
                        items.Add((i, i));
                    return items;
                case JsonValue { Element.ValueKind: JsonValueKind.Object } json:
                    foreach (JsonProperty property in Values.Sorted(json.Element))
                        items.Add((property.Name, FieldNames.WrapIn(json, property.Name, property.Value)));
                    return items;
                case IReadOnlyDictionary<string, object?> map:
                    foreach (string key in Values.SortedKeys(map))
                        items.Add((key, map[key]));
                    return items;
                default:
                    Operand first = branch.Pipeline.Commands[0][0];
                    throw Error(first, $"range can't iterate over {Values.Print(value)}");
            }
        }

        private object? Evaluate(Pipeline pipeline, object? dot)
        {
            object? value = EvaluateCommands(pipeline, dot);
            foreach (string variable in pipeline.Variables)
                Assign(variable, value, pipeline.Declares);
            return value;
        }

        private object? EvaluateCommands(Pipeline pipeline, object? dot)
        {
            object? value = null;
            for (int i = 0; i < pipeline.Commands.Count; i++)
                value = Command(pipeline.Commands[i], dot, piped: i > 0, value);
            return value;
        }

        private void Assign(string name, object? value, bool declare)
        {
            if (declare)
            {
                _variables.Add((name, value));
                return;
            }
            _variables[IndexOf(name)] = (name, value);
        }

        private object? Command(List<Operand> words, object? dot, bool piped, object? previous)
        {
            Operand first = words[0];
            if (first is FunctionOperand function)
                return CallFunction(function, words, dot, piped, previous);

            List<object?> args = [];
            for (int i = 1; i < words.Count; i++)
                args.Add(Value(words[i], dot));
            if (piped)
                args.Add(previous);
            return first switch
            {
                DotOperand d when args.Count == 0 || d.Fields.Length > 0 => Fields(d, dot, d.Fields, args),
                VariableOperand v when args.Count == 0 || v.Fields.Length > 0 => Fields(v, Variable(v.Name), v.Fields, args),
                ParenthesizedOperand p when args.Count == 0 || p.Fields.Length > 0 => Fields(p, Evaluate(p.Pipeline, dot), p.Fields, args),
                ConstantOperand c when args.Count == 0 => c.Value,
                _ => throw Error(first, $"can't give argument to non-function {first.Source}"),
            };
        }

        private object? CallFunction(FunctionOperand function, List<Operand> words, object? dot, bool piped, object? previous)
        {
            // These two stop at the first argument that decides.
            if (function.Name is "and" or "or")
            {
                object? value = previous;
                for (int i = 1; i < words.Count; i++)
                {
                    value = Value(words[i], dot);
                    if (Values.IsTrue(value) == (function.Name == "or"))
                        return value;
                }
                return piped ? previous : value;
            }
            List<object?> args = [];
            for (int i = 1; i < words.Count; i++)
                args.Add(Value(words[i], dot));
            if (piped)
                args.Add(previous);
            try
            {
                return Functions.Call(function.Name, args, header);
            }
            catch (TemplateException e)
            {
                throw Error(function with { Source = string.Join(' ', words.ConvertAll(static w => w.Source)) }, e.Message);
            }
        }

        private object? Value(Operand operand, object? dot) => operand switch
        {
            ConstantOperand constant => constant.Value,
            DotOperand d => Fields(d, dot, d.Fields, []),
            VariableOperand v => Fields(v, Variable(v.Name), v.Fields, []),
            ParenthesizedOperand p => Fields(p, Evaluate(p.Pipeline, dot), p.Fields, []),
            FunctionOperand f => CallFunction(f, [f], dot, piped: false, null),
            _ => throw Error(operand, "can't evaluate operand"),
        };

        private object? Variable(string name) => _variables[IndexOf(name)].Value;

        // The parser knows names; only here it shows that one was declared in a block that has ended.
        private int IndexOf(string name)
        {
            int at = _variables.FindLastIndex(v => v.Name == name);
            return at >= 0 ? at : throw new TemplateException($"undefined variable {GoText.Quote(name)}");
        }

        private object? Fields(Operand operand, object? value, string[] fields, List<object?> args)
        {
            for (int i = 0; i < fields.Length; i++)
                value = Field(operand, value, fields[i], i == fields.Length - 1 ? args : []);
            return value;
        }

        private object? Field(Operand operand, object? target, string name, List<object?> args)
        {
            switch (target)
            {
                case ITemplateObject row:
                    return row.TryGet(name, args, out object? field)
                        ? field
                        : throw Error(operand, $"can't evaluate field {name} in type {row.GoType}");
                case null:
                    throw Error(operand, $"nil pointer evaluating interface {{}}.{name}");
            }
            if (args.Count > 0)
                throw Error(operand, $"{name} is not a method but has arguments");
            switch (target)
            {
                case IReadOnlyDictionary<string, object?> map:
                    return map.TryGetValue(name, out object? entry) ? entry : Values.Missing;
                case JsonValue { Element.ValueKind: JsonValueKind.Object, IsMap: true } json:
                    return json.Element.TryGetProperty(name, out JsonElement found) ? FieldNames.Wrap(name, found) : Values.Missing;
                case JsonValue { Element.ValueKind: JsonValueKind.Object } json:
                    return FieldNames.TryGet(json.Element, name, out object? member)
                        ? member
                        : throw Error(operand, $"map has no entry for key {GoText.Quote(name)}");
                default:
                    if (target == Values.Missing)
                        return Values.Missing;
                    throw Error(operand, $"can't evaluate field {name} in type interface {{}}");
            }
        }

        private TemplateException Error(Operand at, string message)
        {
            ReadOnlySpan<char> before = template._source.AsSpan(0, at.Offset);
            int column = at.Offset - (before.LastIndexOf('\n') + 1);
            return new(string.Create(CultureInfo.InvariantCulture, $"template: {template._name}:{1 + before.Count('\n')}:{column}: executing {GoText.Quote(template._name)} at <{at.Source}>: {message}"));
        }
    }
}
