using System.Buffers;
using System.Text;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Streams;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Containers;

/// <summary>Runs a container's probe while the container runs.</summary>
internal sealed class HealthMonitor : IAsyncDisposable
{
    private const int MaxOutputBytes = 4096;
    private const int KeptResults = 5;
    private static readonly TimeSpan s_default = TimeSpan.FromSeconds(30);

    private readonly ContainerManager _manager;
    private readonly Container _container;
    private readonly HealthConfig _config;
    private readonly List<string> _command;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();
    private readonly List<HealthResult> _results = [];
    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow;
    private string _status = "starting";
    private int _streak;

    private HealthMonitor(ContainerManager manager, Container container, HealthConfig config, List<string> command)
    {
        _manager = manager;
        _container = container;
        _config = config;
        _command = command;
    }

    /// <summary>Begins to probe; null where the container has no probe.</summary>
    public static HealthMonitor? Create(ContainerManager manager, Container container)
    {
        HealthConfig? config = container.Record.Config.Healthcheck;
        List<string>? command = config?.Test switch
        {
            ["CMD", .. List<string> words] when words.Count > 0 => words,
            ["CMD-SHELL", string line, ..] => [.. container.Record.Config.Shell ?? ["/bin/sh", "-c"], line],
            _ => null,
        };
        if (config is null || command is null)
            return null;
        HealthMonitor monitor = new(manager, container, config, command);
        _ = monitor.RunAsync();
        return monitor;
    }

    /// <summary>What the probes found so far.</summary>
    public HealthState State
    {
        get
        {
            lock (_lock)
                return new HealthState { Status = _status, FailingStreak = _streak, Log = [.. _results] };
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await _stopping.CancelAsync().ConfigureAwait(false);

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                bool starting = DateTimeOffset.UtcNow - _started < Span(_config.StartPeriod, TimeSpan.Zero) && _status == "starting";
                await Task.Delay(starting ? Span(_config.StartInterval, TimeSpan.FromSeconds(5)) : Span(_config.Interval, s_default), _stopping.Token).ConfigureAwait(false);
                await ProbeAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            return;
        }
    }

    private async Task ProbeAsync()
    {
        DateTimeOffset start = DateTimeOffset.UtcNow;
        OutputTail output = new();
        int code;
        try
        {
            ExecSession exec = _manager.CreateExec(_container, _container.Id, new ExecCreateRequest { Cmd = _command, AttachStdout = true, AttachStderr = true });
            Task reading = exec.Hub.SubscribeAsync(output, _stopping.Token);
            await _manager.StartExecAsync(exec).ConfigureAwait(false);
            TimeSpan limit = Span(_config.Timeout, s_default);
            try
            {
                code = await exec.Exited.WaitAsync(limit, _stopping.Token).ConfigureAwait(false);
                await reading.ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                output.Replace($"Health check exceeded timeout ({GoDuration.Format(limit.Ticks * 100)})");
                code = -1;
                await _manager.KillExecAsync(exec).ConfigureAwait(false);
            }
        }
        catch (ApiException e)
        {
            output.Replace(e.Message);
            code = -1;
        }
        _stopping.Token.ThrowIfCancellationRequested();
        Record(start, code, output.ToString());
    }

    private void Record(DateTimeOffset start, int code, string output)
    {
        string? changed = null;
        lock (_lock)
        {
            string before = _status;
            _results.Add(new HealthResult { Start = GoTime.Format(start), End = GoTime.Format(DateTimeOffset.UtcNow), ExitCode = code, Output = output });
            if (_results.Count > KeptResults)
                _results.RemoveAt(0);
            if (code == 0)
            {
                _streak = 0;
                _status = "healthy";
            }
            else if (!(_status == "starting" && start - _started < Span(_config.StartPeriod, TimeSpan.Zero)))
            {
                // Failures while the container is still starting up do not count.
                _streak++;
                if (_streak >= (_config.Retries > 0 ? _config.Retries : 3))
                    _status = "unhealthy";
            }
            if (_status != before)
                changed = _status;
        }
        if (changed is not null)
            _manager.Publish(_container, "health_status: " + changed);
    }

    private static TimeSpan Span(long nanos, TimeSpan fallback) => nanos > 0 ? TimeSpan.FromTicks(nanos / 100) : fallback;

    private sealed class OutputTail : IOutputSink
    {
        private readonly ArrayBufferWriter<byte> _bytes = new();
        private string? _text;

        public ValueTask<bool> WriteAsync(StdStream stream, ReadOnlyMemory<byte> piece)
        {
            int room = MaxOutputBytes - _bytes.WrittenCount;
            _bytes.Write(piece.Span[..Math.Min(room, piece.Length)]);
            return new(true);
        }

        public void Replace(string text) => _text = text;

        public override string ToString() => _text ?? Encoding.UTF8.GetString(_bytes.WrittenSpan);
    }
}
