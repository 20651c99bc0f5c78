using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Containers;

/// <summary>
/// systemd's readiness protocol (man 3 sd_notify) between a container and who started the runtime. The container gets a socket
/// of the runtime's, not the caller's: of what it says only that it is ready is passed on, with the process to watch from then on.
/// </summary>
internal sealed class NotifySocket
{
    private const string InContainer = "/run/notify", FileName = "/notify.sock";
    private const int BarrierTimeout = 30_000;
    private readonly string _host;
    private readonly string _directory;
    private SafeFileHandle? _socket;

    private NotifySocket(string host, string stateDirectory)
    {
        _host = host;
        _directory = stateDirectory + "/notify";
    }

    /// <summary>Null where nobody waits for the container to be ready.</summary>
    public static NotifySocket? Of(string stateDirectory) =>
        Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is { Length: > 0 } host ? new NotifySocket(host, stateDirectory) : null;

    /// <summary>Shows the socket's folder to the container, and tells it the name.</summary>
    public void AddTo(RuntimeSpec spec)
    {
        (spec.Mounts ??= []).Add(new MountSpec { Destination = InContainer, Source = _directory, Options = ["bind", "nosuid", "noexec", "nodev", "ro"] });
        (spec.Process!.Env ??= []).Add("NOTIFY_SOCKET=" + InContainer + FileName);
    }

    public void MakeDirectory() => Sys.Mkdir(_directory, 0x1ed);

    /// <summary>Makes the socket; the container's user need not be root.</summary>
    public void Listen()
    {
        // By the folder's descriptor, whose name is short: a socket's is limited to 107 bytes.
        using SafeFileHandle directory = Sys.Open(_directory, OpenFlags.Path | OpenFlags.Directory);
        _socket = Sys.UnixDatagram(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{(int)directory.DangerousGetHandle()}{FileName}"), connected: false);
        File.SetUnixFileMode(_directory + FileName, (UnixFileMode)0x1ff);
    }

    /// <summary>Waits until the container says READY or ends, and passes that on.</summary>
    /// <param name="init">The container's first process.</param>
    /// <param name="mainPid">The process that the service manager is to watch.</param>
    public void Forward(SafeFileHandle init, int mainPid)
    {
        using SafeFileHandle host = Sys.UnixDatagram(_host, connected: true);
        var buffer = new byte[4096];
        while (true)
        {
            (EpollEvents news, EpollEvents ended) = Sys.PollTwo(_socket!, EpollEvents.In, init, EpollEvents.In, -1);
            if ((news & EpollEvents.In) == 0)
            {
                if (ended != EpollEvents.None)
                    return;
                continue;
            }
            if (Ready(buffer.AsSpan(0, Sys.Receive(_socket!, buffer, 0))) is not { } line)
                continue;
            Sys.Send(host, line, 0);
            Sys.Send(host, System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"MAINPID={mainPid}\n")), 0);
            Barrier(host);
            return;
        }
    }

    /// <summary>The line that begins with READY=, with its end; null where there is none.</summary>
    internal static byte[]? Ready(ReadOnlySpan<byte> message)
    {
        while (message.Length > 0)
        {
            int end = message.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? message : message[..end];
            if (line.StartsWith("READY="u8))
                return [.. line, (byte)'\n'];
            message = end < 0 ? [] : message[(end + 1)..];
        }
        return null;
    }

    /// <summary>sd_notify_barrier(3): the manager closes the pipe once it has read all that was sent before.</summary>
    private static void Barrier(SafeFileHandle host)
    {
        (SafeFileHandle read, SafeFileHandle write) = Sys.Pipe();
        using (read)
        {
            using (write)
                Launcher.SendDescriptor(host, "BARRIER=1", write);
            if (Sys.Poll(read, EpollEvents.In, BarrierTimeout) == EpollEvents.None)
                RuncLog.Warn("Timeout after waiting 30s for barrier. Ignored.");
        }
    }
}
