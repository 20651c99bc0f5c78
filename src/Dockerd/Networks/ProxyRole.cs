using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Networks;

/// <summary>
/// The role docker-proxy: relays one published port, as a child of a dockerd that wants it (ours relays by itself). It says on
/// descriptor 3 how its start went: <c>0\n</c>, or <c>1\n</c> and the reason.
/// </summary>
internal static class ProxyRole
{
    private const int ReportFd = 3, ListenFd = 4;

    public static int Run(string[] args)
    {
        string protocol = "tcp", hostIp = "", containerIp = "";
        ushort hostPort = 0, containerPort = 0;
        bool useListenFd = false;
        for (int i = 0; i < args.Length; i++)
        {
            // Go's flag package takes one dash or two, and the value behind "=" or as the next word.
            string name = args[i].TrimStart('-');
            string? value = null;
            if (name.IndexOf('=') is var equals and >= 0)
                (name, value) = (name[..equals], name[(equals + 1)..]);
            if (name is "use-listen-fd")
            {
                useListenFd = value is not "false";
                continue;
            }
            if (name is "v" or "version")
            {
                Console.Out.WriteLine($"docker-proxy (AotRuntime) version {typeof(ProxyRole).Assembly.GetName().Version?.ToString(3)}");
                return 0;
            }
            value ??= ++i < args.Length ? args[i] : "";
            bool known = name switch
            {
                "proto" => (protocol = value).Length > 0,
                "host-ip" => (hostIp = value).Length > 0,
                "container-ip" => (containerIp = value).Length > 0,
                "host-port" => ushort.TryParse(value, out hostPort),
                "container-port" => ushort.TryParse(value, out containerPort),
                _ => false,
            };
            if (!known)
            {
                Console.Error.WriteLine($"docker-proxy: wrong flag or value: {args[Math.Min(i, args.Length - 1)]}");
                Console.Error.WriteLine("Usage: docker-proxy -proto tcp|udp -host-ip IP -host-port N -container-ip IP -container-port N [-use-listen-fd]");
                return 2;
            }
        }

        PortProtocol kind = protocol == "udp" ? PortProtocol.Udp : PortProtocol.Tcp;
        using FileStream? report = OpenReport();
        try
        {
            IPEndPoint target = new(IPAddress.Parse(containerIp), containerPort);
            using PortRelay relay = useListenFd
                ? new PortRelay(new Socket(new SafeSocketHandle(ListenFd, ownsHandle: true)), kind, target)
                : new PortRelay(kind, new IPEndPoint(IPAddress.Parse(hostIp), hostPort), target);
            Report(report, "0\n");
            using ManualResetEventSlim stop = new();
            using var term = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGTERM, c => { c.Cancel = true; stop.Set(); });
            using var interrupt = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGINT, c => { c.Cancel = true; stop.Set(); });
            stop.Wait();
            return 0;
        }
        catch (Exception e) when (e is SocketException or FormatException)
        {
            Report(report, $"1\n{e.Message}");
            Console.Error.WriteLine($"docker-proxy: {e.Message}");
            return 1;
        }
    }

    private static FileStream? OpenReport()
    {
        // Started by hand there is no descriptor 3, and nobody to report to.
        return Path.Exists($"/proc/self/fd/{ReportFd}") ? new FileStream(new SafeFileHandle(ReportFd, ownsHandle: true), FileAccess.Write, 0) : null;
    }

    private static void Report(FileStream? report, string text)
    {
        if (report is null)
            return;
        report.Write(System.Text.Encoding.UTF8.GetBytes(text));
        report.Dispose();
    }
}
