using System.Buffers;
using System.Text.Json;
using AotRuntime.Json;

namespace AotRuntime.Containerd.Ctr;

/// <summary>The OCI spec that <c>run</c> gives a container: containerd's default one.</summary>
internal static class CtrSpec
{
    private static readonly string[] Capabilities =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP",
        "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ];

    private static readonly (string Destination, string Type, string Source, string[] Options)[] Mounts =
    [
        ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
        ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
        ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
        ("/run", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ];

    private static readonly string[] Masked =
        ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"];

    private static readonly string[] ReadOnlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

    /// <summary>What a container shall be.</summary>
    internal sealed record Request(string Namespace, string Id, CtrImageConfig Image, List<string> Command)
    {
        public bool Terminal { get; init; }

        public bool HostNetwork { get; init; }

        public bool ReadOnly { get; init; }

        public IReadOnlyList<string> Environment { get; init; } = [];

        public string? WorkingDirectory { get; init; }

        public string? Cgroup { get; init; }
    }

    /// <summary>The spec as JSON.</summary>
    /// <exception cref="CtrException">Neither the image nor the command line names a program.</exception>
    public static byte[] Build(Request request)
    {
        List<string> command = request.Command.Count > 0 ? [.. request.Image.Entrypoint, .. request.Command] : [.. request.Image.Entrypoint, .. request.Image.Command];
        if (command.Count == 0)
            throw new CtrException("no arguments specified");
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = GoJsonEncoder.Html }))
        {
            json.WriteStartObject();
            json.WriteString("ociVersion", "1.0.2");
            WriteProcess(json, request, command);
            json.WriteStartObject("root");
            json.WriteString("path", "rootfs");
            if (request.ReadOnly)
                json.WriteBoolean("readonly", true);
            json.WriteEndObject();
            json.WriteStartArray("mounts");
            foreach ((string destination, string type, string source, string[] options) in Mounts)
                WriteMount(json, destination, type, source, options);
            if (request.HostNetwork)
            {
                foreach (string file in (string[])["/etc/hosts", "/etc/resolv.conf"])
                    WriteMount(json, file, "bind", file, ["rbind", "ro"]);
            }
            json.WriteEndArray();
            WriteLinux(json, request);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteProcess(Utf8JsonWriter json, Request request, List<string> command)
    {
        json.WriteStartObject("process");
        json.WriteBoolean("terminal", request.Terminal);
        (uint uid, uint gid) = UserOf(request.Image.User);
        json.WriteStartObject("user");
        json.WriteNumber("uid", uid);
        json.WriteNumber("gid", gid);
        json.WriteEndObject();
        Write(json, "args", command);
        List<string> environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
        if (request.Terminal)
            environment.Add("TERM=xterm");
        foreach (string variable in request.Image.Environment.Concat(request.Environment))
        {
            int equals = variable.IndexOf('=');
            string name = equals < 0 ? variable : variable[..equals];
            environment.RemoveAll(v => v.StartsWith(name + "=", StringComparison.Ordinal));
            environment.Add(variable);
        }
        Write(json, "env", environment);
        string cwd = request.WorkingDirectory ?? request.Image.WorkingDirectory;
        json.WriteString("cwd", cwd.Length > 0 ? cwd : "/");
        json.WriteStartObject("capabilities");
        foreach (string set in (string[])["bounding", "effective", "permitted"])
            Write(json, set, Capabilities);
        json.WriteEndObject();
        json.WriteStartArray("rlimits");
        json.WriteStartObject();
        json.WriteString("type", "RLIMIT_NOFILE");
        json.WriteNumber("hard", 1024);
        json.WriteNumber("soft", 1024);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteBoolean("noNewPrivileges", true);
        json.WriteEndObject();
    }

    private static void WriteLinux(Utf8JsonWriter json, Request request)
    {
        json.WriteStartObject("linux");
        json.WriteStartObject("resources");
        json.WriteStartArray("devices");
        json.WriteStartObject();
        json.WriteBoolean("allow", false);
        json.WriteString("access", "rwm");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteString("cgroupsPath", request.Cgroup ?? $"/{request.Namespace}/{request.Id}");
        json.WriteStartArray("namespaces");
        foreach (string ns in (string[])["pid", "ipc", "uts", "mount", "network"])
        {
            if (ns == "network" && request.HostNetwork)
                continue;
            json.WriteStartObject();
            json.WriteString("type", ns);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        Write(json, "maskedPaths", Masked);
        Write(json, "readonlyPaths", ReadOnlyPaths);
        json.WriteEndObject();
    }

    // Names would need the container's own passwd; a debug client leaves that to the engines.
    private static (uint Uid, uint Gid) UserOf(string user)
    {
        string[] parts = user.Split(':');
        if (user.Length == 0 || parts[0] == "root")
            return (0, 0);
        uint gid = 0;
        if (!uint.TryParse(parts[0], out uint uid) || (parts.Length > 1 && !uint.TryParse(parts[1], out gid)))
            throw new CtrException($"user \"{user}\" of the image is not numeric: not supported");
        // An id that does not fit the kernel's signed one must not wrap round to root (CVE-2024-40635).
        if (uid > int.MaxValue || gid > int.MaxValue)
            throw new CtrException($"uids and gids must be in range 0-{int.MaxValue}");
        return (uid, gid);
    }

    private static void WriteMount(Utf8JsonWriter json, string destination, string type, string source, string[] options)
    {
        json.WriteStartObject();
        json.WriteString("destination", destination);
        json.WriteString("type", type);
        json.WriteString("source", source);
        Write(json, "options", options);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
