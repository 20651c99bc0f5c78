using System.Globalization;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Cgroups;

/// <summary>Tells when a cgroup ran out of memory.</summary>
internal sealed class OomWatch : IDisposable
{
    private readonly string _directory;
    private readonly bool _unified;
    private readonly SafeFileHandle? _control;
    private ulong _kills;

    private OomWatch(string directory, bool unified)
    {
        _directory = directory;
        _unified = unified;
        if (unified)
        {
            // "a change in [memory.events] generates a file modified event" (cgroup-v2.rst): seen by poll as POLLPRI.
            Handle = Sys.Open(directory + "/memory.events", OpenFlags.ReadOnly);
            Events = EpollEvents.Priority;
            _kills = Kills();
            return;
        }
        // cgroup-v1/memory.rst, "OOM Control": an eventfd, registered by writing both numbers to cgroup.event_control.
        Handle = Sys.EventFd();
        Events = EpollEvents.In;
        _control = Sys.Open(directory + "/memory.oom_control", OpenFlags.ReadOnly);
        Sys.WriteSmallFile(directory + "/cgroup.event_control",
            string.Create(CultureInfo.InvariantCulture, $"{(int)Handle.DangerousGetHandle()} {(int)_control.DangerousGetHandle()}"));
    }

    /// <summary>What to wait for.</summary>
    public SafeFileHandle Handle { get; }

    public EpollEvents Events { get; }

    /// <exception cref="RuncException">There is no memory controller to ask.</exception>
    public static OomWatch Of(ContainerCgroups cgroups) =>
        cgroups.PathOf(cgroups.Unified ? "" : "memory") is { } directory
            ? new OomWatch(directory, cgroups.Unified)
            : throw new RuncException("memory controller missing");

    /// <summary>Whether it is an event of this kind that woke the waiter; the end of a cgroup wakes too.</summary>
    public bool Happened()
    {
        if (!_unified)
        {
            Sys.Read(Handle, stackalloc byte[8], "eventfd");
            return File.Exists(_directory + "/cgroup.event_control");
        }
        ulong before = _kills;
        _kills = Kills();
        return _kills > before;
    }

    public void Dispose()
    {
        Handle.Dispose();
        _control?.Dispose();
    }

    // Reading also arms poll again.
    private ulong Kills()
    {
        Span<byte> text = stackalloc byte[1024];
        Sys.Lseek(Handle, 0, "memory.events");
        int length = Sys.Read(Handle, text, "memory.events");
        return CgroupStats.Keyed(System.Text.Encoding.ASCII.GetString(text[..length])).GetValueOrDefault("oom_kill");
    }
}
