using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd;

/// <summary>Copies what shims write to their log FIFOs to this daemon's standard error; one thread for all of them.</summary>
internal sealed class ShimLogs : IDisposable
{
    private readonly SafeFileHandle _epoll = Sys.EpollCreate();
    private readonly Lock _changing = new();
    private readonly Dictionary<long, SafeFileHandle> _logs = [];
    private readonly Stream _output = Console.OpenStandardError();
    private long _next;
    private bool _started;

    /// <summary>Reads from now on; dispose what is given to stop.</summary>
    public IDisposable Add(SafeFileHandle log)
    {
        lock (_changing)
        {
            long key = ++_next;
            _logs.Add(key, log);
            Sys.EpollAdd(_epoll, log, EpollEvents.In, key);
            if (!_started)
            {
                _started = true;
                new Thread(Run) { IsBackground = true, Name = "shim logs" }.Start();
            }
            return new Registration(this, key);
        }
    }

    public void Dispose()
    {
        lock (_changing)
        {
            foreach (SafeFileHandle log in _logs.Values)
                log.Dispose();
            _logs.Clear();
        }
    }

    private void Remove(long key)
    {
        lock (_changing)
        {
            if (!_logs.Remove(key, out SafeFileHandle? log))
                return;
            Sys.EpollRemove(_epoll, log);
            log.Dispose();
        }
    }

    private void Run()
    {
        EpollEvent[] events = new EpollEvent[16];
        byte[] buffer = new byte[16 * 1024];
        while (true)
        {
            int count = Sys.EpollWait(_epoll, events, -1);
            for (int i = 0; i < count; i++)
            {
                int read;
                lock (_changing)
                {
                    if (!_logs.TryGetValue(events[i].Data, out SafeFileHandle? log))
                        continue;
                    read = Sys.TryRead(log, buffer, out _);
                }
                if (read > 0)
                    Write(buffer.AsSpan(0, read));
            }
        }
    }

    private void Write(ReadOnlySpan<byte> text)
    {
        try
        {
            _output.Write(text);
        }
        catch (IOException)
        {
            // Our own log is full or gone; the shims must not be held up by that.
            return;
        }
    }

    private sealed class Registration(ShimLogs owner, long key) : IDisposable
    {
        public void Dispose() => owner.Remove(key);
    }
}
