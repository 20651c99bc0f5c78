using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Bootstrap;
using AotRuntime.Rpc.Containerd.Runc;
using AotRuntime.Shim.Cgroups;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim.Bootstrap;

/// <summary><c>start</c>: makes the socket, starts the serving process on it, tells the caller the address, and ends.</summary>
internal static class StartCommand
{
    /// <summary>The most that is read from standard input.</summary>
    private const int MaxInput = 10 << 20;

    private const int PR_SCHED_CORE = 62;
    private const nuint PR_SCHED_CORE_CREATE = 1;
    private const nuint PIDTYPE_PGID = 2;

    // Containers that name the same group share a shim. The first annotation that is there counts.
    private static readonly string[] GroupAnnotations = ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"];

    /// <summary>
    /// The serving process idles for the life of a container: a small first generation keeps its heap small, and one heap
    /// reserve of modest size keeps its page tables small.
    /// </summary>
    private static readonly string[] HeapSettings = ["DOTNET_GCgen0size=0x80000", "DOTNET_GCHeapHardLimit=0x10000000"];

    /// <summary>Runs the command.</summary>
    public static int Run(ShimOptions options)
    {
        byte[] input = ReadInput();
        BootstrapParams? bootstrap = ReadBootstrap(input, options);
        Options? runcOptions = ReadRuncOptions(input, bootstrap);
        string containerd = bootstrap is null ? options.Address : bootstrap.ContainerdGrpcAddress;
        string folder = bootstrap is { HasSocketDir: true, SocketDir.Length: > 0 } ? bootstrap.SocketDir : ShimSocket.DefaultFolder;

        string path = ShimSocket.PathFor(folder, containerd, options.Namespace, Group(options.Id));
        string address = "unix://" + path;
        using SafeFileHandle? socket = ShimSocket.Listen(path);
        try
        {
            // containerd up to 1.6 finds the shim again by this file; later ones keep a bootstrap.json of their own.
            WriteAtomic("address", address);
            if (socket is not null)
                StartServer(options, socket, runcOptions, bootstrap);
        }
        catch (Exception) when (socket is not null)
        {
            File.Delete(path);
            throw;
        }
        WriteAnswer(address, bootstrap is not null);
        return 0;
    }

    private static void StartServer(ShimOptions options, SafeFileHandle socket, Options? runcOptions, BootstrapParams? bootstrap)
    {
        if (Environment.GetEnvironmentVariable("SCHED_CORE") is { Length: > 0 })
            Sys.Prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PIDTYPE_PGID);

        string self = ProcessSpawn.ProgramName;
        // The file's name is what ps and pstree show; /proc/self/exe would show as "exe".
        string file = ProcessSpawn.ProgramPath ?? "/proc/self/exe";
        List<string> arguments = [self];
        if (Path.GetFileName(self) == "aotruntime")
            arguments.Add("containerd-shim-runc-v2");
        arguments.AddRange(["-namespace", options.Namespace, "-id", options.Id, "-address", options.Address]);
        if (options.Debug || bootstrap is { LogLevel: LogLevel.Debug or LogLevel.Trace })
            arguments.Add("-debug");

        List<string> environment = ProcessSpawn.CurrentEnvironment();
        // Still in the environment with containerd 2.3, which says that it will not stay there.
        if (bootstrap is { ContainerdTtrpcAddress.Length: > 0 } && !environment.Exists(v => v.StartsWith("TTRPC_ADDRESS=", StringComparison.Ordinal)))
            environment.Add($"TTRPC_ADDRESS={bootstrap.ContainerdTtrpcAddress}");
        environment.AddRange(HeapSettings);
        using SafeFileHandle devNull = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
        using SpawnedProcess server = ProcessSpawn.Start(new SpawnPlan
        {
            Path = file,
            Arguments = arguments,
            Environment = environment,
            Descriptors = [devNull, devNull, devNull, socket],
            NewSession = true,
            // The shim goes before containerd when memory is short.
            OomScoreAdjust = Math.Min(1000, ParentOomScore() + 1),
        });
        try
        {
            if (runcOptions is { ShimCgroup.Length: > 0 })
                CgroupPaths.Join(runcOptions.ShimCgroup, server.Pid);
            WriteAtomic("shim.pid", server.Pid.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception)
        {
            Sys.Kill(server.Pid, Sys.SIGKILL);
            throw;
        }
    }

    private static byte[] ReadInput()
    {
        using Stream stdin = Console.OpenStandardInput();
        using var buffer = new MemoryStream();
        byte[] chunk = new byte[4096];
        int count;
        while ((count = stdin.Read(chunk)) > 0)
        {
            buffer.Write(chunk, 0, count);
            if (buffer.Length > MaxInput)
                throw new ShimException("failed to read stdin: too long");
        }
        return buffer.ToArray();
    }

    /// <summary>containerd 2.3 and later send BootstrapParams; what parses as such but names another container is a message of older ones.</summary>
    internal static BootstrapParams? ReadBootstrap(byte[] input, ShimOptions options)
    {
        try
        {
            BootstrapParams bootstrap = BootstrapParams.Parser.ParseFrom(input);
            return bootstrap.InstanceId == options.Id && bootstrap.Namespace == options.Namespace ? bootstrap : null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static Options? ReadRuncOptions(byte[] input, BootstrapParams? bootstrap)
    {
        try
        {
            if (bootstrap is null)
            {
                Any any = Any.Parser.ParseFrom(input);
                return TypeUrls.Is(any, TypeUrls.RuncOptions) ? Options.Parser.ParseFrom(any.Value) : null;
            }
            foreach (Rpc.Containerd.Bootstrap.Extension extension in bootstrap.Extensions)
            {
                if (TypeUrls.Is(extension.Value, TypeUrls.RuncOptions))
                    return Options.Parser.ParseFrom(extension.Value.Value);
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // Options of a kind that this shim does not know: it needs none of them to start.
            return null;
        }
        return null;
    }

    /// <summary>The group that the bundle's annotations name; the container's own id where they name none.</summary>
    private static string Group(string id)
    {
        using JsonDocument spec = JsonDocument.Parse(File.ReadAllBytes("config.json"));
        if (spec.RootElement.TryGetProperty("annotations", out JsonElement annotations) && annotations.ValueKind == JsonValueKind.Object)
        {
            foreach (string name in GroupAnnotations)
            {
                if (annotations.TryGetProperty(name, out JsonElement value) && value.GetString() is { Length: > 0 } group)
                    return group;
            }
        }
        return id;
    }

    private static int ParentOomScore()
    {
        // The fourth field of stat, after the name in parentheses, which may hold anything.
        string stat = File.ReadAllText("/proc/self/stat");
        string parent = stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1];
        try
        {
            return int.Parse(File.ReadAllText($"/proc/{parent}/oom_score_adj"), CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static void WriteAtomic(string name, string text)
    {
        File.WriteAllText($".{name}", text);
        File.Move($".{name}", name, overwrite: true);
    }

    // Every containerd before 2.3 takes a plain address, and then speaks version 2 of the Task service.
    private static void WriteAnswer(string address, bool protobuf)
    {
        if (protobuf)
        {
            ShimRole.WriteOut(new BootstrapResult { Version = 3, Address = address, Protocol = "ttrpc" }.ToByteArray());
        }
        else if (int.TryParse(Environment.GetEnvironmentVariable("MAX_SHIM_VERSION"), out int version) && version >= 3)
        {
            ShimRole.WriteOut(Encoding.UTF8.GetBytes($$"""{"version":3,"address":"{{address}}","protocol":"ttrpc"}"""));
        }
        else
        {
            ShimRole.WriteOut(address);
        }
    }
}
