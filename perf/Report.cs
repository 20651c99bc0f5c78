using System.Globalization;
using System.Text;

namespace AotRuntime.Perf;

/// <summary>Tables (Markdown) and bar charts (SVG) in perf/results.</summary>
internal sealed class Report
{
    private readonly string _dir = Path.Combine(Lab.Root, "perf/results");

    /// <summary>One comparison: a row a program, ours first; ratios are to ours' time over the row's.</summary>
    public void Add(string name, string title, string unit, IReadOnlyList<(string Label, double Value, string Extra)> rows, string note)
    {
        StringBuilder text = new();
        text.AppendLine($"# {title}").AppendLine();
        text.AppendLine($"| program | {unit} | ours ÷ this | |").AppendLine("|---|---|---|---|");
        foreach ((string label, double value, string extra) in rows)
            text.AppendLine(CultureInfo.InvariantCulture, $"| {label} | {value:0.00} | {rows[0].Value / value:0.00} | {extra} |");
        text.AppendLine().AppendLine(note);
        Directory.CreateDirectory(_dir);
        File.WriteAllText(Path.Combine(_dir, name + ".md"), text.ToString());
        File.WriteAllText(Path.Combine(_dir, name + ".svg"), Chart(title, unit + ", less is better", rows));
        Console.WriteLine(text);
    }

    /// <summary>A table as it is.</summary>
    public void AddTable(string name, string title, IReadOnlyList<string> lines, string note)
    {
        string text = $"# {title}\n\n{string.Join('\n', lines)}\n\n{note}\n";
        Directory.CreateDirectory(_dir);
        File.WriteAllText(Path.Combine(_dir, name + ".md"), text);
        Console.WriteLine(text);
    }

    /// <summary>The plot beside it.</summary>
    public void AddChart(string name, string title, string unit, IReadOnlyList<(string Label, double Value, string Extra)> rows) =>
        File.WriteAllText(Path.Combine(_dir, name + ".svg"), Chart(title, unit, rows));

    /// <summary>The index of all results that are there.</summary>
    public void Save()
    {
        StringBuilder index = new("# Results\n\nEach table comes from one run on one machine; only ratios within a table mean anything. `make perf` makes them anew.\n\n");
        foreach (string file in Directory.EnumerateFiles(_dir, "*.md").Select(f => Path.GetFileName(f)).Where(f => f != "README.md").Order())
            index.AppendLine(File.Exists(Path.Combine(_dir, Path.ChangeExtension(file, "svg")))
                ? $"- [{Path.GetFileNameWithoutExtension(file)}]({file}) ([plot]({Path.ChangeExtension(file, "svg")}))"
                : $"- [{Path.GetFileNameWithoutExtension(file)}]({file})");
        File.WriteAllText(Path.Combine(_dir, "README.md"), index.ToString());
    }

    private static string Chart(string title, string unit, IReadOnlyList<(string Label, double Value, string Extra)> rows)
    {
        const int width = 760, left = 220, barHeight = 22, gap = 10, top = 44;
        double max = rows.Max(r => r.Value);
        StringBuilder svg = new();
        svg.AppendLine(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{top + rows.Count * (barHeight + gap) + 10}\" font-family=\"sans-serif\" font-size=\"13\">");
        svg.AppendLine("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>");
        svg.AppendLine($"<text x=\"10\" y=\"24\" font-size=\"15\">{Escape(title)} ({Escape(unit)})</text>");
        for (int i = 0; i < rows.Count; i++)
        {
            int y = top + i * (barHeight + gap);
            double length = Math.Max(1, rows[i].Value / max * (width - left - 90));
            svg.AppendLine($"<text x=\"{left - 8}\" y=\"{y + 16}\" text-anchor=\"end\">{Escape(rows[i].Label)}</text>");
            svg.AppendLine(CultureInfo.InvariantCulture, $"<rect x=\"{left}\" y=\"{y}\" width=\"{length:0.0}\" height=\"{barHeight}\" fill=\"{(i == 0 ? "#2a6fbb" : "#b8b8b8")}\"/>");
            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{left + length + 6:0.0}\" y=\"{y + 16}\">{rows[i].Value:0.00}</text>");
        }
        return svg.AppendLine("</svg>").ToString();
    }

    private static string Escape(string text) => text.Replace("&", "&amp;").Replace("<", "&lt;");
}
