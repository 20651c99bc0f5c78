using System.Text;
using AotRuntime.Linux;

namespace AotRuntime.Runc.Cli;

/// <summary>Standard output, without the start-up cost of System.Console.</summary>
internal static class Output
{
    public static void Write(string text) => Sys.WriteDescriptor(1, Encoding.UTF8.GetBytes(text));

    public static void Error(string text) => Sys.WriteDescriptor(2, Encoding.UTF8.GetBytes(text));
}
