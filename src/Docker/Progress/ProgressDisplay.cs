using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.Terminals;

namespace AotRuntime.Docker.Progress;

/// <summary>
/// Shows a stream of progress messages. On a terminal each ID has a line that is drawn again in place; elsewhere the messages follow one
/// another and bars are left out.
/// </summary>
public sealed class ProgressDisplay(Action<string> write, bool terminal, Func<int> width)
{
    private const int WidthUnknown = 200;
    private readonly Dictionary<string, int> _lines = new(StringComparer.Ordinal);

    /// <summary>A display on <paramref name="output"/>.</summary>
    public static ProgressDisplay On(TextOutput output) => new(
        output.Write,
        Terminal.IsTerminal(output.File),
        () => Terminal.WindowSize(output.File) is { Columns: > 0 } size ? size.Columns : WidthUnknown);

    /// <summary>Shows one message.</summary>
    /// <exception cref="CommandException">The message is an error.</exception>
    public void Show(JsonElement message)
    {
        if (message.Member("aux").ValueKind != JsonValueKind.Undefined)
            return;
        string id = message.Text("id");
        JsonElement detail = message.Member("progressDetail");
        bool progress = detail.ValueKind == JsonValueKind.Object;
        StringBuilder text = new();
        int up = 0;
        if (id.Length > 0 && (progress || message.Text("progress").Length > 0))
        {
            if (!_lines.TryGetValue(id, out int line))
            {
                line = _lines.Count;
                _lines[id] = line;
                text.Append(terminal ? "\n" : "");
            }
            up = _lines.Count - line;
            if (terminal)
                Move(text, up, 'A');
        }
        else
        {
            // A line without progress scrolls the others away: they can't be drawn again in place.
            _lines.Clear();
        }

        string error = ErrorOf(message);
        if (error.Length == 0)
            AppendMessage(text, message, id, progress ? detail : null);
        if (id.Length > 0 && terminal)
            Move(text, up, 'B');
        if (text.Length > 0)
            write(text.ToString());
        if (error.Length > 0)
            throw new CommandException(error);
    }

    private static string ErrorOf(JsonElement message)
    {
        string detailed = message.Member("errorDetail").Text("message");
        return detailed.Length > 0 ? detailed : message.Text("error");
    }

    private static void Move(StringBuilder text, int lines, char direction)
    {
        if (lines > 0)
            text.Append("\u001b[").Append(lines).Append(direction);
    }

    private void AppendMessage(StringBuilder text, JsonElement message, string id, JsonElement? detail)
    {
        string stream = message.Text("stream");
        string bar = detail is { } d ? ProgressBar.Draw(d, width(), DateTimeOffset.UtcNow) : "";
        string end = "";
        if (terminal && stream.Length == 0 && detail is not null)
        {
            end = "\r";
            text.Append("\u001b[2K\r");
        }
        else if (bar.Length > 0)
        {
            return;
        }
        if (message.Number("timeNano") is > 0 and long nano)
            text.Append(GoTime.Nano(nano)).Append(' ');
        if (id.Length > 0)
            text.Append(id).Append(": ");
        string status = message.Text("status");
        if (detail is not null && terminal)
            text.Append(status).Append(' ').Append(bar).Append(end);
        else if (message.Text("progress") is { Length: > 0 } drawn)
            text.Append(status).Append(' ').Append(drawn).Append(end);
        else if (stream.Length > 0)
            text.Append(stream).Append(end);
        else
            text.Append(status).Append(end).Append('\n');
    }
}
