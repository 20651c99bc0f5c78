using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Docker.Terminals;

/// <summary>What the standard streams are connected to.</summary>
public static class Terminal
{
    /// <summary>Whether <paramref name="file"/> is a terminal.</summary>
    public static bool IsTerminal(int file) => Sys.TryGetTerminalAttributes(file, out _);

    /// <summary>The terminal's size; zeros where it isn't one.</summary>
    public static WindowSize WindowSize(int file)
    {
        using SafeFileHandle handle = new(file, ownsHandle: false);
        return Sys.TryGetWindowSize(handle, out WindowSize size) ? size : default;
    }
}
