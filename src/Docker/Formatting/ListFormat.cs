using System.Text;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Templates;

namespace AotRuntime.Docker.Formatting;

/// <summary>A column of a list: its name in templates, its heading, and its value in a row.</summary>
public sealed record Column<T>(string Name, string Heading, Func<T, object?> Value);

/// <summary>
/// The rows of a list, printed by a template: <c>table …</c> in aligned columns under headings, <c>json</c> as one object a line,
/// anything else as it is.
/// </summary>
public sealed class ListFormat<T>(string goType, Column<T>[] columns)
{
    private const string TableKey = "table";

    /// <summary>A method that takes an argument (<c>.Label "name"</c>), where the list has one.</summary>
    public Func<T, string, IReadOnlyList<object?>, object?>? Method { get; init; }

    /// <summary>The name of <see cref="Method"/>.</summary>
    public string MethodName { get; init; } = "";

    /// <summary>Prints <paramref name="rows"/> by <paramref name="format"/>.</summary>
    public string Print(string format, IEnumerable<T> rows)
    {
        bool table = format.StartsWith(TableKey, StringComparison.Ordinal);
        string source = table ? format[TableKey.Length..] : format == "json" ? "{{json .}}" : format;
        source = source.Trim(' ').Replace("\\t", "\t").Replace("\\n", "\n");
        Template template;
        StringBuilder body = new();
        try
        {
            template = Template.Parse(source);
            foreach (T row in rows)
            {
                template.Execute(body, new Row(this, row));
                body.Append('\n');
            }
        }
        catch (TemplateException e)
        {
            throw new CommandException($"template parsing error: {e.Message}");
        }
        if (!table)
            return body.ToString();

        string heading = Heading(template);
        return TabWriter.Table().Align($"{heading}\n{body}");
    }

    private string Heading(Template template)
    {
        StringBuilder heading = new();
        try
        {
            template.Execute(heading, new HeadingRow(this), header: true);
        }
        catch (TemplateException)
        {
            // What can be run over rows but not over headings: as many of them as there were until then.
            return heading.ToString();
        }
        return heading.ToString();
    }

    /// <summary>Checks <paramref name="format"/> against an empty row, as docker does before it asks the daemon; tells which fields it reads.</summary>
    public HashSet<string> Probe(string format, T empty)
    {
        HashSet<string> used = new(StringComparer.Ordinal);
        Template template;
        try
        {
            template = Template.Parse(format);
        }
        catch (TemplateException e)
        {
            throw new CommandException($"failed to parse template: {e.Message}");
        }
        try
        {
            template.Execute(new StringBuilder(), new Row(this, empty) { Used = used });
        }
        catch (TemplateException e)
        {
            throw new CommandException($"failed to execute template: {e.Message}");
        }
        return used;
    }

    private sealed class Row(ListFormat<T> list, T value) : ITemplateObject
    {
        public HashSet<string>? Used { get; init; }

        public string GoType => list.GoType;

        public bool TryGet(string name, IReadOnlyList<object?> arguments, out object? result)
        {
            Used?.Add(name);
            if (name == list.MethodName && list.Method is { } method)
            {
                result = method(value, name, arguments);
                return true;
            }
            foreach (Column<T> column in list.Columns)
            {
                if (column.Name == name)
                {
                    result = column.Value(value);
                    return true;
                }
            }
            result = null;
            return false;
        }

        public void AppendJson(StringBuilder text)
        {
            if (Used is not null)
            {
                foreach (Column<T> column in list.Columns)
                    Used.Add(column.Name);
            }
            SortedDictionary<string, object?> fields = new(StringComparer.Ordinal);
            foreach (Column<T> column in list.Columns)
                fields[column.Name] = column.Value(value);
            text.Append('{');
            bool first = true;
            foreach ((string name, object? field) in fields)
            {
                text.Append(first ? "" : ",");
                first = false;
                GoJson.AppendString(text, name, html: true);
                text.Append(':');
                Values.AppendJson(text, field, html: true);
            }
            text.Append('}');
        }
    }

    // In place of a row: each column's heading; a label's is its name's last part, as words.
    private sealed class HeadingRow(ListFormat<T> list) : ITemplateObject
    {
        public string GoType => list.GoType;

        public bool TryGet(string name, IReadOnlyList<object?> arguments, out object? result)
        {
            if (name == list.MethodName && arguments is [string label])
            {
                result = label[(label.LastIndexOf('.') + 1)..].Replace('-', ' ').Replace('_', ' ');
                return true;
            }
            result = Values.Missing;
            foreach (Column<T> column in list.Columns)
            {
                if (column.Name == name)
                    result = column.Heading;
            }
            return true;
        }

        public void AppendJson(StringBuilder text)
        {
            SortedDictionary<string, object?> headings = new(StringComparer.Ordinal);
            foreach (Column<T> column in list.Columns)
                headings[column.Name] = column.Heading;
            Values.AppendJson(text, headings, html: false);
        }
    }

    private string GoType => goType;

    private Column<T>[] Columns => columns;
}
