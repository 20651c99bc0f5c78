using System.Buffers;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Runc;
using AotRuntime.Rpc.Containerd.Types;
using AotRuntime.Shim.Stdio;

namespace AotRuntime.Shim.Processes;

/// <summary>A process executed in a container.</summary>
internal sealed class ExecProcess(string id, InitProcess init, string bundle, ReadOnlyMemory<byte> spec, Options options, Reaper reaper, StdioPaths paths)
    : TaskProcess(id, paths)
{
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Starts it. With the gate held.</summary>
    /// <returns>The promise of its exit.</returns>
    /// <exception cref="RpcException">The runtime refused, in its words.</exception>
    public async Task<Task<ProcessExit>> StartAsync(IoLoop loop, string ns)
    {
        if (Deleted || Status == Status.Stopped)
            throw Failed(Deleted ? "cannot start a deleted process" : "cannot start a stopped process");
        if (Status != Status.Created)
            throw Failed("cannot start a running process");
        using Reaper.Scope scope = reaper.Watch();
        try
        {
            Stdio = await ProcessStdio.OpenAsync(loop, reaper, Paths, Id, ns, options.IoUid, options.IoGid).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ShimException or UnauthorizedAccessException)
        {
            throw Failed($"failed to create init process I/O: {e.Message}");
        }
        string pidFile = PidFileName;
        string processFile = Path.Combine(Path.GetTempPath(), $"runc-process{Guid.NewGuid():N}");
        try
        {
            WriteProcess(processFile);
            RuncResult result = await init.Runtime.ExecAsync(init.Id, processFile, pidFile, Stdio.ConsoleSocketPath, Stdio.Inherited).ConfigureAwait(false);
            if (!result.Succeeded)
            {
                EndWait();
                throw Failed(init.Runtime.Error("OCI runtime exec failed", result));
            }
        }
        finally
        {
            File.Delete(processFile);
        }
        try
        {
            Stdio.Started();
        }
        catch (Exception e) when (e is ShimException or IOException)
        {
            throw Failed(e.Message);
        }
        Pid = ReadPid(pidFile, "exec");
        Status = Status.Running;
        return scope.Claim(Pid);
    }

    /// <summary>Sends it a signal.</summary>
    public void Kill(int signal)
    {
        if (Deleted)
            throw new RpcException(RpcStatus.NotFound, "cannot kill a deleted process: not found");
        if (Pid == 0)
            throw new RpcException(RpcStatus.FailedPrecondition, "process not created: failed precondition");
        try
        {
            if (Status == Status.Stopped || !reaper.Kill(Pid, signal))
                throw AlreadyFinished();
        }
        catch (LinuxException e)
        {
            throw Failed($"exec kill error: unknown error after kill: {e.Errno.Text()}");
        }
    }

    /// <summary>Forgets it: waits for its last output. With the gate held.</summary>
    /// <returns>Why the output did not end in time, where it did not; null else.</returns>
    public async Task<string?> DeleteAsync()
    {
        if (Deleted)
            throw new RpcException(RpcStatus.NotFound, "cannot delete a deleted process: not found");
        if (Status == Status.Running)
            throw Failed("cannot delete a running process");
        string? undrained = null;
        if (Status == Status.Stopped && Stdio is not null && !await Stdio.DrainAsync(DrainTimeout).ConfigureAwait(false))
            undrained = $"failed to drain exec process {Id} io";
        Stdio?.Dispose();
        File.Delete(PidFileName);
        Status = Status.Stopped;
        Deleted = true;
        EndWait();
        return undrained;
    }

    private string PidFileName => Path.Combine(bundle, $"{Id}.pid");

    /// <summary>The client's process, with the terminal that the call asks for, whatever the process says itself.</summary>
    private void WriteProcess(string file)
    {
        using JsonDocument process = JsonDocument.Parse(spec);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = GoJsonEncoder.Html }))
        {
            json.WriteStartObject();
            json.WriteBoolean("terminal", Paths.Terminal);
            foreach (JsonProperty property in process.RootElement.EnumerateObject())
            {
                if (property.Name != "terminal")
                    property.WriteTo(json);
            }
            json.WriteEndObject();
        }
        using var stream = new FileStream(file, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            // It holds the environment, and so passwords.
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        stream.Write(buffer.WrittenSpan);
    }
}
