using AotRuntime.Docker.CommandLine;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Docker.Commands;

/// <summary>Asks before something is removed.</summary>
public static class Confirmation
{
    /// <summary>Shows <paramref name="warning"/> and asks; throws unless the answer is y.</summary>
    public static void Ask(CliContext context, string warning)
    {
        context.Out.Write($"{warning}\nAre you sure you want to continue? [y/N] ");
        string answer = ReadLine().Trim();
        if (!answer.Equals("y", StringComparison.OrdinalIgnoreCase))
            throw new CommandException("");
    }

    /// <summary>A line of standard input, read byte by byte: what follows it is not ours.</summary>
    public static string ReadLine()
    {
        using SafeFileHandle input = new(0, ownsHandle: false);
        List<byte> line = [];
        Span<byte> one = stackalloc byte[1];
        while (Sys.Read(input, one, "stdin") == 1 && one[0] != '\n')
            line.Add(one[0]);
        return System.Text.Encoding.UTF8.GetString(line.ToArray()).TrimEnd('\r');
    }
}
