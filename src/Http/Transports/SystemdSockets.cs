using System.Globalization;

namespace AotRuntime.Http;

/// <summary>Sockets passed by systemd's socket activation (<c>man 3 sd_listen_fds</c>).</summary>
public static class SystemdSockets
{
    /// <summary>SD_LISTEN_FDS_START.</summary>
    private const int FirstFd = 3;

    /// <summary>More would be a damaged environment rather than a service's sockets.</summary>
    private const int MaxFds = 1024;

    /// <summary>The descriptors meant for this process, each with its name (<c>FileDescriptorName=</c>, empty where none); none outside of activation.</summary>
    public static IReadOnlyList<(int Fd, string Name)> Inherited() => Parse(
        Environment.GetEnvironmentVariable("LISTEN_PID"),
        Environment.GetEnvironmentVariable("LISTEN_FDS"),
        Environment.GetEnvironmentVariable("LISTEN_FDNAMES"),
        Environment.ProcessId);

    internal static IReadOnlyList<(int Fd, string Name)> Parse(string? listenPid, string? listenFds, string? names, int pid)
    {
        if (!int.TryParse(listenPid, NumberStyles.None, CultureInfo.InvariantCulture, out int forPid) || forPid != pid
            || !int.TryParse(listenFds, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count > MaxFds)
        {
            return [];
        }
        string[] named = names?.Split(':') ?? [];
        List<(int, string)> fds = new(count);
        for (int i = 0; i < count; i++)
            fds.Add((FirstFd + i, i < named.Length ? named[i] : ""));
        return fds;
    }

    /// <summary>
    /// The listeners that <c>fd://</c> (all), <c>fd://N</c> or <c>fd://NAME</c> means, as dockerd reads its <c>-H</c> option.
    /// </summary>
    /// <exception cref="IOException">Nothing was passed, or not that one.</exception>
    public static IReadOnlyList<TransportListener> Listen(string which = "")
    {
        IReadOnlyList<(int Fd, string Name)> all = Inherited();
        if (all.Count == 0)
            throw new IOException("no sockets found via socket activation: make sure the service was started by systemd");
        List<TransportListener> listeners = [];
        foreach ((int fd, string name) in all)
        {
            if (which is "" or "*" || which == name || which == fd.ToString(CultureInfo.InvariantCulture))
                listeners.Add(Transport.ListenFd(fd));
        }
        return listeners.Count > 0 ? listeners : throw new IOException($"failed to find systemd activated sockets by this name: {which}");
    }
}
