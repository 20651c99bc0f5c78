using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim.Processes;

/// <summary>How a command of the runtime ended, and what it printed where nobody else took its output.</summary>
/// <param name="Status">The exit status; -1 where it could not even start.</param>
/// <param name="Output">What it printed, or why it could not start.</param>
/// <param name="LogStart">Where its part of the log begins.</param>
internal readonly record struct RuncResult(int Status, byte[] Output, long LogStart)
{
    public bool Succeeded => Status == 0;

    public string Text => Encoding.UTF8.GetString(Output).Trim();
}

/// <summary>The descriptors that a command gets as 0, 1 and 2, for the container to inherit.</summary>
internal sealed record RuncStdio(SafeHandle Input, SafeHandle Output, SafeHandle Error);

/// <summary>Drives an OCI runtime's command line: runc, or what takes the same commands.</summary>
internal sealed class RuncRuntime
{
    /// <summary>Where state is kept unless the options say otherwise.</summary>
    private const string DefaultRoot = "/run/containerd/runc";

    /// <summary>The most of a command's own output that is kept.</summary>
    private const int MaxOutput = 4 << 20;

    private readonly string? _log;
    private readonly Reaper? _reaper;
    private readonly List<string> _global = [];
    private readonly List<string> _environment;

    public RuncRuntime(string binaryName, string root, string ns, string? bundle, bool systemdCgroup, Reaper? reaper)
    {
        Name = binaryName.Length > 0 ? binaryName : "runc";
        // Of our own runtime the link beside this program counts first, so that a set of roles stays together.
        File = Name == "runc" ? ProcessSpawn.FindRole(Name) : ProcessSpawn.FindExecutable(Name);
        _reaper = reaper;
        if (bundle is not null)
        {
            _log = Path.Combine(bundle, "log.json");
            _global = ["--root", Path.Combine(root.Length > 0 ? root : DefaultRoot, ns), "--log", _log, "--log-format", "json"];
            if (systemdCgroup)
                _global.Add("--systemd-cgroup");
        }
        // A runtime must not tell systemd that the daemon is ready; the heap settings are for the shim alone.
        _environment = ProcessSpawn.CurrentEnvironment();
        _environment.RemoveAll(v => v.StartsWith("NOTIFY_SOCKET=", StringComparison.Ordinal) || v.StartsWith("DOTNET_GC", StringComparison.Ordinal));
    }

    /// <summary>What the options call it.</summary>
    public string Name { get; }

    /// <summary>The file; null where there is none.</summary>
    public string? File { get; }

    /// <summary>
    /// Whether the container's pid is that of its own first process, so that a signal may be sent straight to it. A sandboxing
    /// runtime (runsc) gives a process of its own there.
    /// </summary>
    public bool PidIsContainers => Path.GetFileName(Name) is "runc" or "docker-runc" or "crun" or "youki";

    public Task<RuncResult> CreateAsync(string id, string bundle, string pidFile, string? consoleSocket, bool noPivot, bool noNewKeyring, RuncStdio? stdio)
    {
        List<string> args = ["create", "--bundle", bundle, "--pid-file", pidFile];
        if (consoleSocket is not null)
            args.AddRange(["--console-socket", consoleSocket]);
        if (noPivot)
            args.Add("--no-pivot");
        if (noNewKeyring)
            args.Add("--no-new-keyring");
        args.Add(id);
        return RunAsync(args, stdio);
    }

    public Task<RuncResult> ExecAsync(string id, string processFile, string pidFile, string? consoleSocket, RuncStdio? stdio)
    {
        List<string> args = ["exec", "--process", processFile];
        if (consoleSocket is not null)
            args.AddRange(["--console-socket", consoleSocket]);
        args.AddRange(["--detach", "--pid-file", pidFile, id]);
        return RunAsync(args, stdio);
    }

    public Task<RuncResult> StartAsync(string id) => RunAsync(["start", id]);

    public Task<RuncResult> DeleteAsync(string id) => RunAsync(["delete", id]);

    public Task<RuncResult> DeleteForceAsync(string id) => RunAsync(["delete", "--force", id]);

    public Task<RuncResult> PauseAsync(string id) => RunAsync(["pause", id]);

    public Task<RuncResult> ResumeAsync(string id) => RunAsync(["resume", id]);

    public Task<RuncResult> FeaturesAsync() => RunAsync(["features"]);

    public Task<RuncResult> CheckpointAsync(string id, IEnumerable<string> options) => RunAsync(["checkpoint", .. options, id]);

    public Task<RuncResult> RestoreAsync(string id, string bundle, string images, string work, string pidFile, string? consoleSocket, bool noPivot, RuncStdio? stdio)
    {
        List<string> args = ["restore", "--image-path", images, "--work-path", work, "--bundle", bundle, "--pid-file", pidFile, "--detach", "--no-subreaper"];
        if (consoleSocket is not null)
            args.AddRange(["--console-socket", consoleSocket]);
        if (noPivot)
            args.Add("--no-pivot");
        args.Add(id);
        return RunAsync(args, stdio);
    }

    public Task<RuncResult> KillAsync(string id, int signal, bool all)
    {
        string number = signal.ToString(CultureInfo.InvariantCulture);
        return RunAsync(all ? ["kill", "--all", id, number] : ["kill", id, number]);
    }

    public async Task<RuncResult> UpdateAsync(string id, ReadOnlyMemory<byte> resources)
    {
        using SafeFileHandle file = Sys.MemFd("resources");
        RandomAccess.Write(file, resources.Span, 0);
        return await RunAsync(["update", "--resources=-", id], null, file).ConfigureAwait(false);
    }

    /// <summary>The pids in the container, in the host's numbers; null with the result where the command failed.</summary>
    public async Task<(List<int>? Pids, RuncResult Result)> PsAsync(string id)
    {
        RuncResult result = await RunAsync(["ps", "--format", "json", id]).ConfigureAwait(false);
        if (!result.Succeeded)
            return (null, result);
        try
        {
            using JsonDocument json = JsonDocument.Parse(result.Output);
            var pids = new List<int>();
            foreach (JsonElement pid in json.RootElement.EnumerateArray())
                pids.Add(pid.GetInt32());
            return (pids, result);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return (null, result with { Status = 1 });
        }
    }

    /// <summary>Why a command failed: the runtime's last logged error, as containerd's shim words it.</summary>
    public string Error(string what, RuncResult result)
    {
        string own = result.Status < 0 ? result.Text
            : $"{Name} did not terminate successfully: exit status {result.Status}{(result.Output.Length > 0 ? ": " + result.Text : "")}";
        if (_log is null)
            return $"{what}: {own}";
        try
        {
            string logged = RuntimeLog.LastError(_log, result.LogStart);
            return logged.Length > 0 ? $"{what}: {logged}" : $"{what}: {own}";
        }
        catch (IOException)
        {
            return $"{what}: unable to retrieve OCI runtime error (open {_log}: no such file or directory): {own}";
        }
    }

    private async Task<RuncResult> RunAsync(List<string> command, RuncStdio? stdio = null, SafeFileHandle? input = null)
    {
        if (File is null)
            return new RuncResult(-1, Encoding.UTF8.GetBytes($"exec: \"{Name}\": executable file not found in $PATH"), 0);

        long logStart = _log is null ? 0 : RuntimeLog.Length(_log);
        SafeFileHandle? output = null, devNull = null;
        try
        {
            SafeHandle[] descriptors;
            if (stdio is not null)
            {
                descriptors = [stdio.Input, stdio.Output, stdio.Error];
            }
            else
            {
                // A file in memory can't fill up and block the command as a pipe might.
                output = Sys.MemFd("output");
                devNull = System.IO.File.OpenHandle("/dev/null");
                descriptors = [input ?? devNull, output, output];
            }
            var plan = new SpawnPlan { Path = File, Arguments = [Name, .. _global, .. command], Environment = _environment, Descriptors = descriptors };
            int status;
            if (_reaper is not null)
            {
                status = (await _reaper.Spawn(plan).ConfigureAwait(false)).Status;
            }
            else
            {
                using SpawnedProcess child = ProcessSpawn.Start(plan);
                status = child.Wait().Code;
            }
            return new RuncResult(status, output is null ? [] : ReadAll(output), logStart);
        }
        catch (LinuxException e)
        {
            string why = e.Call == "exec" ? $"fork/exec {e.Subject}: {e.Errno.Text()}" : e.Message;
            return new RuncResult(-1, Encoding.UTF8.GetBytes(why), logStart);
        }
        finally
        {
            output?.Dispose();
            devNull?.Dispose();
        }
    }

    private static byte[] ReadAll(SafeFileHandle file)
    {
        byte[] bytes = new byte[Math.Min(RandomAccess.GetLength(file), MaxOutput)];
        int read = 0;
        while (read < bytes.Length)
        {
            int count = RandomAccess.Read(file, bytes.AsSpan(read), read);
            if (count == 0)
                break;
            read += count;
        }
        return read == bytes.Length ? bytes : bytes[..read];
    }
}
