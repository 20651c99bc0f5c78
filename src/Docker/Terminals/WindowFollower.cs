using System.Runtime.InteropServices;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Linux;

namespace AotRuntime.Docker.Terminals;

/// <summary>Keeps a container's (or exec's) terminal as large as this one, until disposed.</summary>
public sealed class WindowFollower : IDisposable
{
    private const int Output = 1;
    private const int Tries = 10;
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(10);

    private readonly PosixSignalRegistration _change;

    private WindowFollower(PosixSignalRegistration change) => _change = change;

    /// <summary>Resizes now and at each change. <paramref name="target"/>: <c>/containers/ID</c> or <c>/exec/ID</c>.</summary>
    public static WindowFollower Start(CliContext context, string target)
    {
        PosixSignalRegistration change = PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => Follow(context, target));
        _ = FirstAsync(context, target);
        return new WindowFollower(change);
    }

    private static void Follow(CliContext context, string target) => _ = ResizeAsync(context, target);

    /// <summary>Resizes to <paramref name="extra"/> more rows and columns than this terminal has; false where the daemon couldn't.</summary>
    public static async Task<bool> ResizeAsync(CliContext context, string target, int extra = 0)
    {
        WindowSize size = Terminal.WindowSize(Output);
        if (size is { Rows: 0, Columns: 0 })
            return true;
        try
        {
            await context.Engine.PostAsync($"{target}/resize?h={size.Rows + extra}&w={size.Columns + extra}").ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is EngineException or CommandException or IOException)
        {
            context.Debug($"Error resize: {e.Message}");
            return false;
        }
    }

    // The process may not have its terminal yet when the start was answered.
    private static async Task FirstAsync(CliContext context, string target)
    {
        if (await ResizeAsync(context, target).ConfigureAwait(false))
            return;
        for (int i = 0; i < Tries; i++)
        {
            await Task.Delay(s_step * (i + 1)).ConfigureAwait(false);
            if (await ResizeAsync(context, target).ConfigureAwait(false))
                return;
        }
        context.Error.Write("failed to resize tty, using default size\n");
    }

    /// <inheritdoc/>
    public void Dispose() => _change.Dispose();
}
