using System.Text;
using AotRuntime.Shim.Bootstrap;
using Google.Protobuf;

namespace AotRuntime.Shim;

/// <summary>Entry of the role: containerd's shim, version 2.</summary>
public static class ShimRole
{
    /// <summary>The runtime's name, as containerd knows it.</summary>
    internal const string RuntimeName = "io.containerd.runc.v2";

    /// <summary>The program's version.</summary>
    internal static string Version { get; } = typeof(ShimRole).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    /// <summary>Runs the role and gives its exit code.</summary>
    public static int Run(string[] args)
    {
        try
        {
            ShimOptions options = ShimOptions.Parse(args);
            if (options.Version)
            {
                WriteOut($"containerd-shim-runc-v2:\n  Version:  {Version}\n  Revision: \n  Go version: \n\n");
                return 0;
            }
            if (options.Info)
                return InfoCommand.Run();
            if (options.Namespace.Length == 0)
                throw new ShimException("shim namespace cannot be empty");
            return options.Action switch
            {
                "start" => StartCommand.Run(options),
                "delete" => DeleteCommand.Run(options),
                _ => ShimServer.Run(options),
            };
        }
        catch (FormatException e)
        {
            WriteError(e.Message + "\n");
            return 2;
        }
        catch (Exception e) when (e is ShimException or IOException or UnauthorizedAccessException or InvalidProtocolBufferException)
        {
            WriteError($"{RuntimeName}: {e.Message}");
            return 1;
        }
    }

    // Not Console.Out and Console.Error: they would set up the terminal and signal handlers, which cost time and threads here.

    internal static void WriteOut(ReadOnlySpan<byte> bytes)
    {
        using Stream stdout = Console.OpenStandardOutput();
        stdout.Write(bytes);
    }

    internal static void WriteOut(string text) => WriteOut(Encoding.UTF8.GetBytes(text));

    private static void WriteError(string text)
    {
        using Stream stderr = Console.OpenStandardError();
        stderr.Write(Encoding.UTF8.GetBytes(text));
    }
}

/// <summary>What ends a shim's command, in the words that its caller prints.</summary>
internal sealed class ShimException(string message) : Exception(message);
