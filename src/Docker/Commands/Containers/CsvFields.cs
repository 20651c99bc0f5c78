using System.Text;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>One line of comma-separated values (RFC 4180): fields may be quoted, a quote within is doubled.</summary>
public static class CsvFields
{
    /// <summary>Splits <paramref name="line"/>.</summary>
    public static List<string> Split(string line)
    {
        if (line.Length == 0)
            throw new FlagValueException("EOF");
        List<string> fields = [];
        int at = 0;
        while (true)
        {
            if (at < line.Length && line[at] == '"')
            {
                fields.Add(Quoted(line, ref at));
            }
            else
            {
                int end = line.IndexOf(',', at);
                string field = end < 0 ? line[at..] : line[at..end];
                if (field.Contains('"'))
                    throw new FlagValueException($"parse error on line 1, column {at + field.IndexOf('"') + 1}: bare \" in non-quoted-field");
                fields.Add(field);
                at += field.Length;
            }
            if (at >= line.Length)
                return fields;
            at++;
        }
    }

    private static string Quoted(string line, ref int at)
    {
        StringBuilder field = new();
        for (at++; ; at++)
        {
            if (at >= line.Length)
                throw new FlagValueException($"parse error on line 1, column {line.Length + 1}: extraneous or missing \" in quoted-field");
            if (line[at] != '"')
            {
                field.Append(line[at]);
                continue;
            }
            if (at + 1 < line.Length && line[at + 1] == '"')
            {
                field.Append('"');
                at++;
                continue;
            }
            at++;
            if (at < line.Length && line[at] != ',')
                throw new FlagValueException($"parse error on line 1, column {at + 1}: extraneous or missing \" in quoted-field");
            return field.ToString();
        }
    }
}
