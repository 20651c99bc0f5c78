using AotRuntime.Linux;
using AotRuntime.Shim.Stdio;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim.Cgroups;

/// <summary>
/// Notices that a container ran out of memory. Version 1 says so at once through an eventfd; both versions count the kills,
/// which is looked at when a process has ended, so that the event comes before the exit's.
/// </summary>
internal sealed class OomWatcher : IDisposable
{
    private readonly CgroupPaths _paths;
    private readonly IoLoop _loop;
    private readonly Action _onOom;
    private readonly SafeFileHandle? _event;
    private readonly long? _id;
    private ulong _kills;

    /// <summary>Starts to watch.</summary>
    public OomWatcher(CgroupPaths paths, IoLoop loop, Action onOom)
    {
        _paths = paths;
        _loop = loop;
        _onOom = onOom;
        _kills = Kills();
        if (paths.Unified is not null || paths["memory"] is not { } memory)
            return;
        try
        {
            // Documentation/admin-guide/cgroup-v1/memory.rst, 10: "<event_fd> <fd of memory.oom_control>" to cgroup.event_control.
            SafeFileHandle happened = Sys.EventFd();
            using SafeFileHandle control = File.OpenHandle(Path.Combine(memory, "memory.oom_control"));
            File.WriteAllText(Path.Combine(memory, "cgroup.event_control"), $"{happened.DangerousGetHandle()} {control.DangerousGetHandle()}");
            _event = happened;
            _id = loop.Add(happened, OnEvent);
            loop.Arm(happened, _id!.Value, EpollEvents.In);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The counters are still looked at.
            _event?.Dispose();
            _event = null;
        }
    }

    /// <summary>Reports kills that have not been reported yet.</summary>
    public void Check()
    {
        ulong now = Kills();
        if (now > Interlocked.Exchange(ref _kills, now))
            _onOom();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_event is not null && _id is { } id)
            _loop.Remove(_event, id);
        _event?.Dispose();
    }

    private void OnEvent()
    {
        Span<byte> counter = stackalloc byte[8];
        Sys.TryRead(_event!, counter, out _);
        // The cgroup's removal is told in the same way.
        if (!File.Exists(Path.Combine(_paths["memory"]!, "memory.oom_control")))
            return;
        // The event may come before its kill is counted: that one is then reported already.
        ulong before = Interlocked.Read(ref _kills);
        Interlocked.Exchange(ref _kills, Math.Max(Kills(), before + 1));
        _onOom();
        _loop.Arm(_event!, _id!.Value, EpollEvents.In);
    }

    private ulong Kills() => _paths.Unified is { } folder
        ? CgroupFile.Table(folder, "memory.events").GetValueOrDefault("oom_kill")
        : CgroupFile.Table(_paths["memory"], "memory.oom_control").GetValueOrDefault("oom_kill");
}
