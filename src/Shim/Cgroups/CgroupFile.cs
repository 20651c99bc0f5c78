using System.Globalization;

namespace AotRuntime.Shim.Cgroups;

/// <summary>Reads the small text files of a cgroup. What is missing, or says "max", is the given default: kernels differ in what they have.</summary>
internal static class CgroupFile
{
    /// <summary>A file's text; empty where it can't be read.</summary>
    public static string Text(string? folder, string name)
    {
        try
        {
            return folder is null ? "" : File.ReadAllText(Path.Combine(folder, name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>A file that is one number.</summary>
    public static ulong Number(string? folder, string name, ulong missing = 0)
    {
        string text = Text(folder, name).Trim();
        return text == "max" ? ulong.MaxValue : ulong.TryParse(text, CultureInfo.InvariantCulture, out ulong number) ? number : missing;
    }

    /// <summary>A file of lines <c>name number</c>.</summary>
    public static Dictionary<string, ulong> Table(string? folder, string name)
    {
        var table = new Dictionary<string, ulong>();
        foreach (string line in Text(folder, name).Split('\n'))
        {
            int space = line.IndexOf(' ');
            if (space > 0 && ulong.TryParse(line.AsSpan(space + 1), CultureInfo.InvariantCulture, out ulong number))
                table[line[..space]] = number;
        }
        return table;
    }

    /// <summary>A file of lines with fields between spaces.</summary>
    public static IEnumerable<string[]> Rows(string? folder, string name)
    {
        foreach (string line in Text(folder, name).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            yield return line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }
}
