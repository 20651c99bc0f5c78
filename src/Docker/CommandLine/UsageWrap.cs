using System.Text;

namespace AotRuntime.Docker.CommandLine;

/// <summary>Breaks a flag's description into lines of its column.</summary>
public static class UsageWrap
{
    // A last word that overhangs by no more than this stays on its line: better than a line of its own.
    private const int Overhang = 5;
    private const int NarrowestColumn = 24;
    private const int BlockIndent = 16;

    /// <summary>Wraps <paramref name="text"/> for a column from <paramref name="indent"/> to <paramref name="width"/>; 0 keeps lines as they are.</summary>
    public static string Wrap(int indent, int width, string text)
    {
        if (width == 0)
            return text.Replace("\n", "\n" + new string(' ', indent));

        StringBuilder result = new();
        if (width - indent < NarrowestColumn)
        {
            // Too narrow beside the name: a block below it.
            indent = BlockIndent;
            result.Append('\n').Append(' ', indent);
            if (width - indent < NarrowestColumn)
                return text.Replace("\n", result.ToString());
        }

        int room = width - indent - Overhang;
        string margin = "\n" + new string(' ', indent);
        bool first = true;
        do
        {
            (string line, text) = Cut(room, text);
            if (!first)
                result.Append(margin);
            result.Append(line.Replace("\n", margin));
            first = false;
        }
        while (text.Length > 0);
        return result.ToString();
    }

    private static (string Line, string Left) Cut(int room, string text)
    {
        if (room + Overhang > text.Length)
            return (text, "");
        int blank = text.AsSpan(0, room).LastIndexOfAny(' ', '\t', '\n');
        if (blank <= 0)
            return (text, "");
        int newline = text.LastIndexOf('\n', room - 1);
        if (newline > 0 && newline < blank)
            blank = newline;
        return (text[..blank], text[(blank + 1)..]);
    }
}
