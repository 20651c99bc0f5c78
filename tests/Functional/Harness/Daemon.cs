using System.Diagnostics;
using System.Text;

namespace AotRuntime.Tests.Functional.Harness;

/// <summary>A program in the background whose output is kept, and which is stopped by its pid.</summary>
internal sealed class Daemon : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private readonly string _text;

    public Daemon(Command command)
    {
        _text = command.Text;
        _process = command.Start();
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Pid => _process.Id;

    public bool HasExited => _process.HasExited;

    public string Log
    {
        get
        {
            lock (_log)
                return _log.ToString();
        }
    }

    /// <summary>Waits until <paramref name="ready"/>; fails at once if the program ends first.</summary>
    public void WaitUntil(Func<bool> ready, string what, int seconds = 30)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!ready())
        {
            if (_process.HasExited)
                Assert.Fail($"{_text} ended with {_process.ExitCode} before {what}:\n{Log}");
            if (clock.Elapsed.TotalSeconds > seconds)
                Assert.Fail($"{_text}: no {what} after {seconds} s:\n{Log}");
            Thread.Sleep(20);
        }
    }

    /// <summary>Waits for the program's own end; gives its exit code.</summary>
    public int WaitUntilExited(int seconds = 30)
    {
        Assert.True(_process.WaitForExit(TimeSpan.FromSeconds(seconds)), $"{_text} still runs after {seconds} s:\n{Log}");
        return _process.ExitCode;
    }

    /// <summary>SIGTERM, and SIGKILL after <paramref name="seconds"/>.</summary>
    public void Stop(int seconds = 20)
    {
        if (_process.HasExited)
            return;
        Signal("TERM");
        if (!_process.WaitForExit(TimeSpan.FromSeconds(seconds)))
            Kill();
    }

    /// <summary>SIGKILL to this process alone.</summary>
    public void Kill()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
    }

    public void Signal(string name) => new Command("kill", $"-{name}", Pid.ToString()).Run();

    public void Dispose()
    {
        Stop();
        _process.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs e)
    {
        if (e.Data is null)
            return;
        lock (_log)
            _log.AppendLine(e.Data);
    }
}
