using System.Runtime.InteropServices;
using AotRuntime.Linux;

namespace AotRuntime.Docker.Terminals;

/// <summary>
/// Standard input's terminal in raw mode until disposed. Signals that would end the process restore it first: a shell left without echo
/// is the one thing that a client must not leave behind.
/// </summary>
public sealed class RawMode : IDisposable
{
    private const int Input = 0;
    private readonly TerminalAttributes _before;
    private readonly List<PosixSignalRegistration> _signals = [];
    private int _restored;

    private RawMode(TerminalAttributes before) => _before = before;

    /// <summary>Enters raw mode; null where standard input isn't a terminal.</summary>
    public static RawMode? Enter()
    {
        if (!Sys.TryGetTerminalAttributes(Input, out TerminalAttributes before))
            return null;
        RawMode mode = new(before);
        foreach (PosixSignal signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGINT, PosixSignal.SIGQUIT])
            mode._signals.Add(PosixSignalRegistration.Create(signal, context => mode.RestoreUnlessForwarded(context)));
        Sys.SetTerminalAttributes(Input, before.Raw());
        return mode;
    }

    // Another handler (the forwarding to the container) may keep the process alive; then the terminal stays raw.
    private void RestoreUnlessForwarded(PosixSignalContext context)
    {
        if (!SignalForwarder.IsActive && !context.Cancel)
            Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _restored, 1) != 0)
            return;
        try
        {
            Sys.SetTerminalAttributes(Input, _before);
        }
        catch (LinuxException)
        {
            // The terminal hung up: there is nothing to restore.
        }
        foreach (PosixSignalRegistration signal in _signals)
            signal.Dispose();
    }
}
