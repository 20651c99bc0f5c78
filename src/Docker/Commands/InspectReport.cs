using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.Templates;

namespace AotRuntime.Docker.Commands;

/// <summary>
/// What inspect commands print: the daemon's documents as one indented array, as compact JSON, or each through a template. Objects that
/// aren't there are errors, after what was found.
/// </summary>
public static class InspectReport
{
    private const int BadTemplate = 64;

    /// <summary>Fetches each of <paramref name="names"/> and prints them by <paramref name="format"/>.</summary>
    public static async Task<int> RunAsync(CliContext context, string[] names, string format, Func<string, Task<string>> fetch)
    {
        Template? template = null;
        if (format is not ("" or "json"))
        {
            try
            {
                template = Template.Parse(format);
            }
            catch (TemplateException e)
            {
                throw new CommandException($"template parsing error: {e.Message}", BadTemplate);
            }
        }

        List<string> documents = [];
        List<string> errors = [];
        StringBuilder output = new();
        foreach (string name in names)
        {
            try
            {
                string document = (await fetch(name).ConfigureAwait(false)).Trim();
                if (template is null)
                    documents.Add(document);
                else
                    Render(template, document, output);
            }
            catch (Exception e) when (e is EngineException or CommandException)
            {
                errors.Add(e.Message);
            }
        }

        if (template is not null)
            context.Out.Write(output.Length > 0 ? output.ToString() : "\n");
        else
            context.Out.Write(Documents(documents, indent: format.Length == 0));
        return errors.Count == 0 ? 0 : throw new CommandException(string.Join('\n', errors));
    }

    private static void Render(Template template, string document, StringBuilder output)
    {
        StringBuilder one = new();
        try
        {
            using JsonDocument json = JsonDocument.Parse(document);
            template.Execute(one, JsonValue.Of(json.RootElement));
        }
        catch (TemplateException e)
        {
            throw new CommandException($"template parsing error: {e.Message}");
        }
        output.Append(one).Append('\n');
    }

    private static string Documents(List<string> documents, bool indent)
    {
        string array = $"[{string.Join(',', documents)}]";
        StringBuilder text = new(array.Length * 2);
        if (indent)
            GoJson.Indent(text, array);
        else
            GoJson.Compact(text, array);
        return text.Append('\n').ToString();
    }
}
