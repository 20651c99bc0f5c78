using System.Globalization;
using System.Text;

namespace AotRuntime.Docker.Formatting;

/// <summary>
/// Aligns tab-separated cells in columns (Elastic Tabstops): a cell ends with a tab, and cells under one another in consecutive lines
/// share a width. What follows a line's last tab belongs to no column.
/// </summary>
public sealed class TabWriter(int narrowest, int padding)
{
    /// <summary>Columns of docker's tables.</summary>
    public static TabWriter Table() => new(10, 3);

    /// <summary>Lays out <paramref name="text"/>.</summary>
    public string Align(string text)
    {
        string[] lines = text.Split('\n');
        string[][] cells = new string[lines.Length][];
        int columns = 0;
        for (int i = 0; i < lines.Length; i++)
        {
            cells[i] = lines[i].Split('\t');
            columns = Math.Max(columns, cells[i].Length - 1);
        }

        int[][] widths = new int[lines.Length][];
        for (int i = 0; i < lines.Length; i++)
            widths[i] = new int[Math.Max(0, cells[i].Length - 1)];
        for (int column = 0; column < columns; column++)
            MeasureColumn(cells, widths, column);

        StringBuilder result = new(text.Length * 2);
        for (int i = 0; i < lines.Length; i++)
        {
            if (i > 0)
                result.Append('\n');
            for (int column = 0; column < cells[i].Length; column++)
            {
                result.Append(cells[i][column]);
                if (column < widths[i].Length)
                    result.Append(' ', widths[i][column] - Width(cells[i][column]));
            }
        }
        return result.ToString();
    }

    private void MeasureColumn(string[][] cells, int[][] widths, int column)
    {
        for (int first = 0; first < cells.Length;)
        {
            if (widths[first].Length <= column)
            {
                first++;
                continue;
            }
            int last = first;
            int width = narrowest;
            for (; last < cells.Length && widths[last].Length > column; last++)
                width = Math.Max(width, Width(cells[last][column]) + padding);
            for (; first < last; first++)
                widths[first][column] = width;
        }
    }

    /// <summary>Cells that the text takes on a terminal: wide characters take two, marks none.</summary>
    public static int Width(string text)
    {
        int width = 0;
        foreach (Rune rune in text.EnumerateRunes())
            width += RuneWidth(rune);
        return width;
    }

    /// <summary>Cells that one character takes (Unicode's East Asian Width, the blocks that are wide or full-width).</summary>
    public static int RuneWidth(Rune rune)
    {
        int value = rune.Value;
        if (value < 0x300)
            return 1;
        if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark)
            return 0;
        return value is (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0x303E) or (>= 0x3041 and <= 0xA4CF) or (>= 0xA960 and <= 0xA97C)
            or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF) or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60)
            or (>= 0xFFE0 and <= 0xFFE6) or (>= 0x1F300 and <= 0x1F64F) or (>= 0x1F900 and <= 0x1F9FF) or (>= 0x20000 and <= 0x3FFFD) ? 2 : 1;
    }
}
