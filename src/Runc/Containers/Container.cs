using System.Globalization;
using System.Text;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Resctrl;
using AotRuntime.Runc.Seccomp;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.State;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Containers;

/// <summary>Where a container is in its life.</summary>
internal enum Status
{
    Created,
    Running,
    Paused,
    Stopped,
}

/// <summary>A container that exists.</summary>
internal sealed class Container
{
    public const string NotExist = "container does not exist";
    public const string NotRunning = "container not running";
    public const string NoCgroups = "the container is not using cgroups";
    private const int SIGKILL = 9;

    private Container(string directory, ContainerState state)
    {
        StateDirectory = directory;
        State = state;
        Cgroups = ContainerCgroups.Of(state);
    }

    public string StateDirectory { get; }

    public ContainerState State { get; }

    public ContainerCgroups Cgroups { get; }

    public string Id => State.Id;

    public string FifoPath => StateDirectory + "/" + StateStore.FifoName;

    /// <exception cref="RuncException">There is none of that id.</exception>
    public static Container Load(string root, string id) =>
        TryLoad(StateStore.DirectoryOf(root, id)) ?? throw new RuncException(NotExist);

    /// <summary>One whose state is at hand.</summary>
    public static Container Of(string directory, ContainerState state) => new(directory, state);

    public static Container? TryLoad(string directory) =>
        StateStore.Load(directory) is { } state ? new Container(directory, state) : null;

    public static string Name(Status status) => status switch
    {
        Status.Created => "created",
        Status.Running => "running",
        Status.Paused => "paused",
        _ => "stopped",
    };

    public Status GetStatus()
    {
        if (!IsAlive())
            return Status.Stopped;
        if (Cgroups.IsFrozen())
            return Status.Paused;
        return File.Exists(FifoPath) ? Status.Created : Status.Running;
    }

    public bool IsAlive() =>
        State.Pid > 0 && ProcStat.Read(State.Pid) is { } stat && stat.State is not ('Z' or 'X') && stat.StartTime == State.StartTime;

    /// <summary>The filter for further processes; null for none.</summary>
    public SeccompProgram? LoadSeccomp() =>
        State.Seccomp?.Load(StateDirectory) ?? (State.Profile is null ? null : SeccompCompiler.Compile(State.Profile));

    /// <summary>The first process, held so that its number can't come to mean another; null where it has ended.</summary>
    public SafeFileHandle? OpenInit()
    {
        if (State.Pid <= 0 || Sys.PidFdOpen(State.Pid) is not { } pidFd)
            return null;
        if (IsAlive())
            return pidFd;
        pidFd.Dispose();
        return null;
    }

    /// <summary>Sends a signal to the first process; to all, where nothing else would end them.</summary>
    /// <exception cref="RuncException">The container is not running.</exception>
    public void Signal(int signal, bool all)
    {
        if (all || (signal == SIGKILL && !State.OwnPidNamespace))
        {
            if (!IsAlive() && (!all || Cgroups.Processes().Count == 0))
                throw new RuncException(NotRunning);
            if (Cgroups.Paths.Count == 0)
            {
                Logging.RuncLog.Warn("failed to kill all processes, possibly due to lack of cgroup (Hint: enable cgroup v2 delegation)");
                SignalInit(signal);
                return;
            }
            try
            {
                Cgroups.SignalAll(signal);
            }
            catch (LinuxException e)
            {
                throw new RuncException($"unable to kill all processes: {e.Errno.Text()}", e);
            }
            return;
        }
        SignalInit(signal);
    }

    private void SignalInit(int signal)
    {
        using SafeFileHandle? init = OpenInit();
        try
        {
            if (init is null || !Sys.PidFdSendSignal(init, signal))
                throw new RuncException(NotRunning);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"unable to signal init: {e.Errno.Text()}", e);
        }
        // A frozen process would die only once it is thawed.
        if (signal == SIGKILL && Cgroups.IsFrozen())
            Cgroups.Freeze(false);
    }

    /// <summary>Kills what runs and waits for its end, then removes all.</summary>
    public void KillAndDestroy()
    {
        using (SafeFileHandle? init = OpenInit())
        {
            if (init is not null)
            {
                Sys.PidFdSendSignal(init, SIGKILL);
                if (Cgroups.IsFrozen())
                    Cgroups.Freeze(false);
                if (Sys.Poll(init, EpollEvents.In, 10_000) == EpollEvents.None)
                    throw new RuncException("container init still running");
            }
        }
        Destroy();
    }

    /// <summary>Removes cgroups and state of a container that has stopped, and runs the poststop hooks.</summary>
    public void Destroy()
    {
        if (!State.OwnPidNamespace && State.Pid > 0)
            Cgroups.SignalAll(SIGKILL);
        Cgroups.Destroy();
        ResctrlGroup.Load(State.Resctrl)?.Destroy();
        StateStore.Remove(StateDirectory);
        HookRunner.RunAll(State.Poststop, "poststop", StateJson("stopped", 0), failing: false);
    }

    /// <summary>The state as the runtime-spec's hooks get it.</summary>
    public byte[] StateJson(string status, int pid)
    {
        (string before, string after) = StateAround(State, status);
        return Encoding.UTF8.GetBytes(before + pid.ToString(CultureInfo.InvariantCulture) + after);
    }

    /// <summary>The same, in two halves with the pid between them: who runs the hook may be the only one to know it.</summary>
    public static (string Before, string After) StateAround(ContainerState state, string status)
    {
        var before = new StringBuilder();
        before.Append("{\"ociVersion\":").Append(Quote(state.OciVersion)).Append(",\"id\":").Append(Quote(state.Id))
            .Append(",\"status\":").Append(Quote(status)).Append(",\"pid\":");
        var after = new StringBuilder();
        after.Append(",\"bundle\":").Append(Quote(state.Bundle));
        if (state.Annotations is { Count: > 0 } annotations)
        {
            char separator = '{';
            after.Append(",\"annotations\":");
            foreach ((string key, string? value) in annotations)
            {
                after.Append(separator).Append(Quote(key)).Append(':').Append(Quote(value ?? ""));
                separator = ',';
            }
            after.Append('}');
        }
        return (before.ToString(), after.Append('}').ToString());
    }

    internal static string Quote(string text) => "\"" + JsonEncodedText.Encode(text, GoJsonEncoder.Html) + "\"";
}
