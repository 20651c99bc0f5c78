using System.Text;

namespace AotRuntime.Containerd.Ctr;

/// <summary>Columns, as Go's text/tabwriter aligns them: each as wide as its widest cell and a padding; the last one is not padded.</summary>
internal sealed class CtrTable(int minimum, int padding, params string[] header)
{
    private readonly List<string[]> _rows = [header];

    /// <summary>Adds a row.</summary>
    public void Add(params string[] cells) => _rows.Add(cells);

    /// <summary>The text with tabs between the columns, as many as align them on stops of eight; nothing after the last one.</summary>
    public string FormatWithTabs()
    {
        const int stop = 8;
        int[] widths = new int[header.Length];
        for (int i = 0; i < widths.Length; i++)
            widths[i] = (_rows.Max(row => row[i].Length) + stop - 1) / stop * stop;
        var text = new StringBuilder();
        foreach (string[] row in _rows)
        {
            for (int i = 0; i < row.Length - 1; i++)
                text.Append(row[i]).Append('\t', (widths[i] - row[i].Length + stop - 1) / stop);
            text.Append(row[^1]).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The text.</summary>
    /// <param name="padLast">Whether the last column ends in a tab too, and so is padded like the others.</param>
    public string Format(bool padLast = true)
    {
        int columns = header.Length;
        int[] widths = new int[columns];
        for (int i = 0; i < columns; i++)
        {
            foreach (string[] row in _rows)
                widths[i] = Math.Max(widths[i], Math.Max(minimum, row[i].Length + padding));
        }
        var text = new StringBuilder();
        foreach (string[] row in _rows)
        {
            for (int i = 0; i < columns; i++)
                text.Append(i < columns - 1 || padLast ? row[i].PadRight(widths[i]) : row[i]);
            text.Append('\n');
        }
        return text.ToString();
    }
}
