using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Containers;

/// <summary>What <c>create</c>, <c>run</c> and <c>exec</c> have in common around a process.</summary>
internal sealed class ProcessIo : IDisposable
{
    private SafeFileHandle? _receiving;

    /// <summary>The socket that the child sends its terminal over, or -1.</summary>
    public int ConsoleFd => ConsoleSocket is null ? -1 : (int)ConsoleSocket.DangerousGetHandle();

    public SafeFileHandle? ConsoleSocket { get; private set; }

    public SafeFileHandle? PidFdSocket { get; private set; }

    /// <summary>The terminal of a process in the foreground.</summary>
    public SafeFileHandle? Master { get; private set; }

    /// <summary>Descriptors after standard error that the process gets.</summary>
    public int ExtraFds { get; private set; }

    public int ListenFds { get; private set; }

    public static ProcessIo Open(ProcessSpec process, bool detach, string consoleSocket, string pidFdSocket, int preserveFds)
    {
        if (detach && process.Terminal && consoleSocket.Length == 0)
            throw new RuncException("cannot allocate tty if runc will detach without setting console socket");
        if ((!detach || !process.Terminal) && consoleSocket.Length > 0)
            throw new RuncException("cannot use console socket if runc will not detach or allocate tty");
        var io = new ProcessIo();
        if (process.Terminal)
        {
            if (consoleSocket.Length > 0)
                io.ConsoleSocket = Connect(consoleSocket, "");
            else
                (io._receiving, io.ConsoleSocket) = Launcher.SocketPair(Launcher.Stream);
        }
        if (pidFdSocket.Length > 0)
            io.PidFdSocket = Connect(pidFdSocket, $"failed to dail {pidFdSocket}: ");

        // systemd's socket activation: LISTEN_FDS descriptors from 3 on, if they are meant for this process.
        if (Environment.GetEnvironmentVariable("LISTEN_PID") == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            && int.TryParse(Environment.GetEnvironmentVariable("LISTEN_FDS"), NumberStyles.None, CultureInfo.InvariantCulture, out int listen))
            io.ListenFds = listen;
        io.ExtraFds = io.ListenFds + preserveFds;
        for (int fd = 3 + io.ListenFds; fd < 3 + io.ExtraFds; fd++)
        {
            if (!Sys.IsInheritedDescriptor(fd))
                throw new RuncException($"unable to stat preserved-fd {fd - 3 - io.ListenFds} (of {preserveFds}): no such file or directory");
        }
        return io;
    }

    private static SafeFileHandle Connect(string path, string before)
    {
        try
        {
            return Launcher.ConnectUnix(path);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"{before}dial unix {path}: connect: {e.Errno.Text()}", e);
        }
    }

    /// <summary>The environment, with what socket activation adds; of two with one name the last counts.</summary>
    public List<string> EnvOf(ProcessSpec process)
    {
        var env = new List<string>();
        foreach (string entry in process.Env ?? [])
        {
            int equals = entry.IndexOf('=');
            if (equals <= 0)
                throw new RuncException(equals < 0 ? "invalid environment variable: missing '='" : "invalid environment variable: name cannot be empty");
            if (entry.Contains('\0'))
                throw new RuncException($"invalid environment variable \"{entry[..equals]}\": contains nul byte (\\x00)");
            string name = entry[..(equals + 1)];
            int known = env.FindIndex(e => e.StartsWith(name, StringComparison.Ordinal));
            if (known >= 0)
                env.RemoveAt(known);
            env.Add(entry);
        }
        if (ListenFds > 0)
        {
            env.Add(string.Create(CultureInfo.InvariantCulture, $"LISTEN_FDS={ListenFds}"));
            env.Add("LISTEN_PID=1");
        }
        return env;
    }

    /// <summary>Takes the terminal that the child has sent.</summary>
    public void ReceiveTerminal()
    {
        if (_receiving is null)
            return;
        ConsoleSocket?.Dispose();
        Master = Launcher.ReceiveDescriptor(_receiving);
    }

    public void Dispose()
    {
        _receiving?.Dispose();
        ConsoleSocket?.Dispose();
        PidFdSocket?.Dispose();
        Master?.Dispose();
    }
}

/// <summary>What the parent sets from outside, with its own rights.</summary>
internal static class ProcessSetup
{
    /// <summary>Of a first process what later ones take over.</summary>
    public static ProcessSpec Defaults(ProcessSpec first) => new()
    {
        User = new UserSpec { Umask = first.User.Umask },
        Capabilities = first.Capabilities,
        Rlimits = first.Rlimits,
        OomScoreAdj = first.OomScoreAdj,
        ApparmorProfile = first.ApparmorProfile,
        SelinuxLabel = first.SelinuxLabel,
        Scheduler = first.Scheduler,
        IoPriority = first.IoPriority,
        ExecCpuAffinity = first.ExecCpuAffinity,
    };

    /// <summary>Fills in what a process's own description does not say.</summary>
    public static ProcessSpec WithDefaults(ProcessSpec process, ProcessSpec? defaults)
    {
        if (defaults is null)
            return process;
        process.User.Umask ??= defaults.User.Umask;
        process.Capabilities ??= defaults.Capabilities;
        if (process.Rlimits is not { Count: > 0 })
            process.Rlimits = defaults.Rlimits;
        process.OomScoreAdj ??= defaults.OomScoreAdj;
        process.ApparmorProfile = string.IsNullOrEmpty(process.ApparmorProfile) ? defaults.ApparmorProfile : process.ApparmorProfile;
        process.SelinuxLabel = string.IsNullOrEmpty(process.SelinuxLabel) ? defaults.SelinuxLabel : process.SelinuxLabel;
        process.Scheduler ??= defaults.Scheduler;
        process.IoPriority ??= defaults.IoPriority;
        process.ExecCpuAffinity ??= defaults.ExecCpuAffinity;
        return process;
    }

    public static void Limits(int pid, ProcessSpec process)
    {
        foreach (RlimitSpec limit in process.Rlimits ?? [])
        {
            try
            {
                Sys.SetLimit(pid, RlimitNames.Number(limit.Type), limit.Soft, limit.Hard);
            }
            catch (LinuxException e)
            {
                throw new RuncException($"error setting rlimits for ready process: error setting rlimit type {RlimitNames.Number(limit.Type)}: {e.Errno.Text()}", e);
            }
        }
    }

    public static void OomScore(int pid, ProcessSpec process)
    {
        if (process.OomScoreAdj is not { } score)
            return;
        string file = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/oom_score_adj");
        try
        {
            Sys.WriteSmallFile(file, score.ToString(CultureInfo.InvariantCulture));
        }
        catch (LinuxException e)
        {
            throw new RuncException($"failed to update {file}: {e.Errno.Text()}", e);
        }
    }

    /// <summary>Writes the pid so that a reader sees all of it or no file.</summary>
    public static void WritePidFile(string path, int pid)
    {
        if (path.Length == 0)
            return;
        int slash = path.LastIndexOf('/');
        string temporary = $"{path[..(slash + 1)]}.{path[(slash + 1)..]}";
        try
        {
            Sys.CreateSmallFile(temporary, System.Text.Encoding.ASCII.GetBytes(pid.ToString(CultureInfo.InvariantCulture)), 0x1b6);
            Sys.Rename(temporary, path);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"{e.Call} {e.Subject}: {e.Errno.Text()}", e);
        }
    }

    /// <exception cref="RuncException">The process can't be started as it is described.</exception>
    public static void Require(ProcessSpec? process)
    {
        if (process is null)
            throw new RuncException("process property must not be empty");
        if (string.IsNullOrEmpty(process.Cwd))
            throw new RuncException("Cwd property must not be empty");
        if (!process.Cwd.StartsWith('/'))
            throw new RuncException("Cwd must be an absolute path");
        if (process.Args is not { Count: > 0 })
            throw new RuncException("args must not be empty");
        Security.Labels.Require(process);
    }
}
