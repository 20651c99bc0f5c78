using System.Runtime.InteropServices;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Terminals;

/// <summary>Sends the signals that this process gets on to a container, until disposed.</summary>
public sealed class SignalForwarder : IDisposable
{
    private static volatile int s_active;

    // Left out: those that can't be caught, those that are the process's own (faults, children, pipes, urgent data that runtimes use), and
    // the change of the window's size, which reaches the container as a resize.
    private static readonly (int Number, string Name)[] s_signals =
    [
        (1, "HUP"), (2, "INT"), (3, "QUIT"), (10, "USR1"), (12, "USR2"), (14, "ALRM"), (15, "TERM"), (16, "STKFLT"), (18, "CONT"), (20, "TSTP"),
        (21, "TTIN"), (22, "TTOU"), (24, "XCPU"), (25, "XFSZ"), (26, "VTALRM"), (27, "PROF"), (29, "IO"), (30, "PWR"), (31, "SYS"),
    ];

    private readonly List<PosixSignalRegistration> _registrations = [];

    private SignalForwarder()
    {
    }

    /// <summary>Whether signals go to a container now.</summary>
    public static bool IsActive => s_active > 0;

    /// <summary>Begins to forward to <paramref name="container"/>.</summary>
    public static SignalForwarder Start(CliContext context, string container)
    {
        SignalForwarder forwarder = new();
        Interlocked.Increment(ref s_active);
        foreach ((int number, string name) in s_signals)
        {
            forwarder._registrations.Add(PosixSignalRegistration.Create((PosixSignal)number, signal =>
            {
                signal.Cancel = true;
                _ = SendAsync(context, container, name);
            }));
        }
        return forwarder;
    }

    private static async Task SendAsync(CliContext context, string container, string signal)
    {
        try
        {
            await context.Engine.PostAsync($"/containers/{container}/kill?signal={signal}").ConfigureAwait(false);
        }
        catch (Exception e) when (e is EngineException or CommandException or IOException)
        {
            // The container may not run yet, or no more: docker says nothing of it either.
            context.Debug($"Error sending signal: {e.Message}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        Interlocked.Decrement(ref s_active);
    }
}
