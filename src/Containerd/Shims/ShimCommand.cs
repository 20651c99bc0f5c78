using System.Text;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Bootstrap;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd;

/// <summary>Calls of a shim's program: <c>start</c>, <c>delete</c>, <c>-info</c>.</summary>
internal sealed class ShimCommand(string address, string ttrpcAddress, bool debug)
{
    private const int MaxOutput = 1 << 20;
    private const int SIGKILL = 9;

    /// <summary>How long a call may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The program of a runtime: a path as it is, or a name such as <c>io.containerd.runc.v2</c>.</summary>
    public static string Resolve(string runtime)
    {
        const string forms = "correct runtime name should be either format like `io.containerd.runc.v2` or a full path to the binary";
        if (runtime.Length == 0)
            throw new RpcException(RpcStatus.Unknown, "no runtime name");
        if (Path.IsPathRooted(runtime))
            return File.Exists(runtime) ? runtime : throw ContainerdError.NotFound($"invalid custom binary path: stat {runtime}: no such file or directory");
        string[] parts = runtime.Split('.');
        if (runtime.Contains('/') || parts.Length < 2 || parts[0].Length == 0)
            throw new RpcException(RpcStatus.Unknown, $"invalid runtime name {runtime}, {forms}");
        string name = $"containerd-shim-{parts[^2]}-{parts[^1]}";
        return ProcessSpawn.FindRole(name)
            ?? throw new RpcException(RpcStatus.Unknown, $"runtime \"{runtime}\" binary not installed \"{name}\": file does not exist");
    }

    /// <summary>Starts a shim.</summary>
    /// <param name="binary">The program.</param>
    /// <param name="bundle">The task's folder.</param>
    /// <param name="options">The runtime's options; null for none.</param>
    /// <param name="cancelled">Ends the wait, and the program.</param>
    public async Task<BootstrapReply> StartAsync(string binary, Bundle bundle, Any? options, CancellationToken cancelled)
    {
        IReadOnlyList<string> arguments = [.. Arguments(bundle, withBundle: false), "start"];
        (ChildExit exit, byte[] output, byte[] errors) = await RunAsync(
            binary, arguments, bundle, options?.ToByteArray(), cancelled).ConfigureAwait(false);
        // Shims of containerd 2.3 and later want to be told more than the options; those before 1.7 fail when they are.
        if (exit.Code != 0 && errors.AsSpan().IndexOf("built against the new API"u8) >= 0)
            (exit, output, errors) = await RunAsync(binary, arguments, bundle, Bootstrap(bundle, options), cancelled).ConfigureAwait(false);
        if (exit.Code != 0)
            throw Failed("start failed", exit, [.. output, .. errors]);
        return BootstrapReply.Parse(output);
    }

    /// <summary>Has the program clean up after a shim that died. The reply is the container's exit.</summary>
    public async RpcAnswer<Rpc.Containerd.Shim.DeleteResponse> DeleteAsync(string binary, Bundle bundle, CancellationToken cancelled)
    {
        (ChildExit exit, byte[] output, byte[] errors) = await RunAsync(
            binary, [.. Arguments(bundle, withBundle: true), "delete"], bundle, null, cancelled).ConfigureAwait(false);
        if (exit.Code != 0)
            throw Failed("delete failed", exit, errors);
        try
        {
            return Rpc.Containerd.Shim.DeleteResponse.Parser.ParseFrom(output);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new RpcException(RpcStatus.Unknown, $"failed to parse the shim's answer: {e.Message}");
        }
    }

    /// <summary>What the runtime says of itself, a RuntimeInfo message.</summary>
    public async Task<byte[]> InfoAsync(string binary, byte[] options, CancellationToken cancelled)
    {
        (ChildExit exit, byte[] output, byte[] errors) = await RunAsync(binary, ["-info"], null, options, cancelled).ConfigureAwait(false);
        return exit.Code == 0 ? output : throw Failed($"failed to run {binary} -info", exit, errors);
    }

    private byte[] Bootstrap(Bundle bundle, Any? options)
    {
        BootstrapParams bootstrap = new()
        {
            InstanceId = bundle.Id,
            Namespace = bundle.Namespace,
            LogLevel = debug ? Rpc.Containerd.Bootstrap.LogLevel.Debug : Rpc.Containerd.Bootstrap.LogLevel.Info,
            ContainerdVersion = VersionService.Version,
            ContainerdGrpcAddress = address,
            ContainerdTtrpcAddress = ttrpcAddress,
            ContainerdBinary = Self,
        };
        if (options is not null)
            bootstrap.Extensions.Add(new Rpc.Containerd.Bootstrap.Extension { Value = options });
        return bootstrap.ToByteArray();
    }

    private static string Self => ProcessSpawn.FindRole("containerd") ?? Environment.ProcessPath ?? "containerd";

    private List<string> Arguments(Bundle bundle, bool withBundle)
    {
        List<string> arguments =
        [
            "-namespace", bundle.Namespace,
            "-address", address,
            "-publish-binary", Self,
            "-id", bundle.Id,
        ];
        if (withBundle)
            arguments.AddRange(["-bundle", bundle.Path]);
        if (debug)
            arguments.Add("-debug");
        return arguments;
    }

    private async Task<(ChildExit Exit, byte[] Output, byte[] Errors)> RunAsync(
        string binary, IReadOnlyList<string> arguments, Bundle? bundle, byte[]? input, CancellationToken cancelled)
    {
        List<string> environment = ProcessSpawn.CurrentEnvironment();
        environment.RemoveAll(v => v.StartsWith("NOTIFY_SOCKET=", StringComparison.Ordinal) || v.StartsWith("LISTEN_", StringComparison.Ordinal));
        environment.Add("GOMAXPROCS=2");
        environment.Add("MAX_SHIM_VERSION=2");
        environment.Add($"TTRPC_ADDRESS={ttrpcAddress}");
        environment.Add($"GRPC_ADDRESS={address}");
        if (bundle is not null)
            environment.Add($"NAMESPACE={bundle.Namespace}");

        // Memory files rather than pipes: nobody need read them meanwhile, and what the shim leaves running cannot hold them open.
        using SafeFileHandle stdin = input is null ? File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Read) : Sys.MemFd("stdin");
        using SafeFileHandle stdout = Sys.MemFd("stdout");
        using SafeFileHandle stderr = Sys.MemFd("stderr");
        if (input is not null)
            RandomAccess.Write(stdin, input, 0);

        SpawnedProcess process;
        try
        {
            process = ProcessSpawn.Start(new SpawnPlan
            {
                Path = binary,
                Arguments = [Path.GetFileName(binary), .. arguments],
                Environment = environment,
                WorkingDirectory = bundle?.Path,
                Descriptors = [stdin, stdout, stderr],
                NewProcessGroup = true,
            });
        }
        catch (LinuxException e)
        {
            throw new RpcException(RpcStatus.Unknown, $"fork/exec {binary}: {e.Errno.Text()}");
        }
        using (process)
        {
            Task<ChildExit> ended = process.WaitAsync();
            bool late = await Task.WhenAny(ended, Task.Delay(Timeout, cancelled)).ConfigureAwait(false) != ended;
            if (late)
                Sys.Kill(process.Pid, SIGKILL); // not reaped yet, so the pid is still its own
            ChildExit exit = await ended.ConfigureAwait(false);
            cancelled.ThrowIfCancellationRequested();
            return late
                ? throw new RpcException(RpcStatus.DeadlineExceeded, $"{Path.GetFileName(binary)} did not answer within {Timeout.TotalSeconds} s")
                : (exit, Read(stdout), Read(stderr));
        }
    }

    private static byte[] Read(SafeFileHandle file)
    {
        byte[] bytes = new byte[Math.Min(RandomAccess.GetLength(file), MaxOutput)];
        int read = RandomAccess.Read(file, bytes, 0);
        return bytes[..read];
    }

    private static RpcException Failed(string what, ChildExit exit, byte[] text)
    {
        string said = Encoding.UTF8.GetString(text).Trim();
        string how = exit.Signaled ? $"signal: {exit.Value}" : $"exit status {exit.Value}";
        return new RpcException(RpcStatus.Unknown, said.Length > 0 ? $"{what}: {said}: {how}" : $"{what}: {how}");
    }
}
