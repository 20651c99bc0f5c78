using System.Text;

namespace AotRuntime.Dockerd.Config;

/// <summary>The text of <c>dockerd --help</c>.</summary>
internal static class Usage
{
    /// <summary>All options, as Docker's help lays them out.</summary>
    public static string Text()
    {
        StringBuilder text = new("\nUsage:  dockerd [OPTIONS]\n\nA self-sufficient runtime for containers.\n\nOptions:\n");
        foreach (DaemonOption option in OptionTable.All)
        {
            string kind = option.Kind switch
            {
                OptionKind.Bool => "",
                OptionKind.Int => " int",
                OptionKind.Text => " string",
                _ => " list",
            };
            string flags = (option.Short == '\0' ? "      " : $"  -{option.Short}, ") + $"--{option.Flag}{kind}";
            text.Append(flags.PadRight(48)).Append(option.Help).Append('\n');
        }
        return text.ToString();
    }
}
