namespace AotRuntime.Docker.Commands;

/// <summary>Help of <c>--format</c>.</summary>
public static class Formats
{
    /// <summary>For lists.</summary>
    public const string ListHelp = "How to show it:\n'table':            as a table with headings (default)\n'table TEMPLATE':   as a table, by a Go template\n'json':             as JSON\n'TEMPLATE':         by a Go template";

    /// <summary>For single objects.</summary>
    public const string InspectHelp = "How to show it:\n'json':             as JSON\n'TEMPLATE':         by a Go template";
}
