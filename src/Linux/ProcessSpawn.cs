using System.Collections;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>How to start a program.</summary>
public sealed class SpawnPlan
{
    /// <summary>The file to execute; a name without a slash is searched on PATH.</summary>
    public required string Path { get; init; }

    /// <summary>Arguments, the program's name (argv[0]) first.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>The environment as NAME=VALUE; null for this process's own.</summary>
    public IReadOnlyList<string>? Environment { get; init; }

    /// <summary>The working directory; null for this process's own.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>
    /// What the child finds as descriptor 0, 1, 2, …; null leaves that number closed. Nothing else is inherited.
    /// Empty: /dev/null three times.
    /// </summary>
    public IReadOnlyList<SafeHandle?> Descriptors { get; init; } = [];

    /// <summary>Starts a session of its own.</summary>
    public bool NewSession { get; init; }

    /// <summary>Starts a process group of its own.</summary>
    public bool NewProcessGroup { get; init; }

    /// <summary>Sent to the child when the <em>thread</em> that started it ends (<c>man 2 PR_SET_PDEATHSIG</c>); 0 for none.</summary>
    public int ParentDeathSignal { get; init; }

    /// <summary>The child's oom_score_adj, where the kernel lets it.</summary>
    public int? OomScoreAdjust { get; init; }
}

/// <summary>A child: wait for it by <see cref="Pid"/> (it stays a zombie until reaped) or poll <see cref="PidFd"/>.</summary>
public sealed class SpawnedProcess(int pid, SafeFileHandle pidFd) : IDisposable
{
    /// <summary>The child's pid.</summary>
    public int Pid { get; } = pid;

    /// <summary>Readable once the child has ended.</summary>
    public SafeFileHandle PidFd { get; } = pidFd;

    /// <summary>Blocks until the child has ended, and reaps it.</summary>
    public ChildExit Wait()
    {
        ChildExit exit = Sys.WaitPid(Pid) ?? new ChildExit(Pid, false, 255);
        ProcessSpawn.Forget(Pid);
        return exit;
    }

    /// <summary>Waits on a thread of its own, so that no pool thread is held; reaps the child.</summary>
    public Task<ChildExit> WaitAsync() =>
        Task.Factory.StartNew(Wait, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <inheritdoc/>
    public void Dispose() => PidFd.Dispose();
}

/// <summary>Starts programs from C (vfork-style), so that nothing managed runs in the child and no SIGCHLD handler is installed.</summary>
public static class ProcessSpawn
{
    private const int SetSid = 1;
    private const int SetPgid = 2;
    private static readonly string[] Steps = ["", "fork", "setsid", "dup2", "chdir", "exec"];
    private static readonly Lock Gate = new();
    private static readonly HashSet<int> Unreaped = [];

    /// <summary>Whether a child was started here and is still to be waited for by whoever started it.</summary>
    public static bool IsOurs(int pid)
    {
        lock (Gate)
            return Unreaped.Contains(pid);
    }

    internal static void Forget(int pid)
    {
        lock (Gate)
            Unreaped.Remove(pid);
    }

    /// <summary>Starts the program; returns once it runs.</summary>
    /// <exception cref="LinuxException">It does not: no such file, no permission, …; <c>Subject</c> names it.</exception>
    public static SpawnedProcess Start(SpawnPlan plan)
    {
        string file = FindExecutable(plan.Path) ?? throw new LinuxException("exec", plan.Path, Errno.ENOENT);
        IReadOnlyList<SafeHandle?> handles = plan.Descriptors;
        using SafeFileHandle? devNull = handles.Count == 0 ? File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite) : null;
        if (devNull is not null)
            handles = [devNull, devNull, devNull];

        NativeSpawnResult result;
        // Held over the fork: nobody may ask about a child that is not in the set yet.
        lock (Gate)
        {
            result = Run(plan, file, handles);
            if (result.Step == 0)
                Unreaped.Add(result.Pid);
        }
        if (result.Step != 0)
        {
            string subject = result.Step == 4 ? plan.WorkingDirectory ?? "" : file;
            throw new LinuxException(Steps[result.Step], subject, (Errno)result.Error);
        }
        return new SpawnedProcess(result.Pid, new SafeFileHandle(result.PidFd, ownsHandle: true));
    }

    /// <summary>The file that a command's name means: itself where it has a slash, else the first executable of that name on PATH.</summary>
    public static string? FindExecutable(string name)
    {
        if (name.Contains('/'))
            return name;
        string path = Environment.GetEnvironmentVariable("PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        foreach (string folder in path.Split(':'))
        {
            string file = System.IO.Path.Combine(folder.Length == 0 ? "." : folder, name);
            if (File.Exists(file) && (File.GetUnixFileMode(file) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0)
                return file;
        }
        return null;
    }

    /// <summary>
    /// The file of another role of this program: the link of that name beside the running program, else whatever PATH has.
    /// </summary>
    public static string? FindRole(string name)
    {
        // The link's own folder counts first, then its target's.
        foreach (string? program in new[] { ProgramPath, Environment.ProcessPath })
        {
            if (program is null)
                continue;
            string file = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(program))!, name);
            if (File.Exists(file))
                return file;
        }
        return FindExecutable(name);
    }

    /// <summary>argv[0], which names the role; not what a managed host makes of it.</summary>
    public static string ProgramName { get; } = File.ReadAllText("/proc/self/cmdline").Split('\0', 2)[0];

    /// <summary>The file that this process was started by, a link where that was one; null where it can't be told.</summary>
    public static string? ProgramPath { get; } = FindProgram();

    private static string? FindProgram()
    {
        // What was executed says more than argv[0], which is often a bare name: searching that on PATH may find another program.
        if (Sys.ExecPath() is { Length: > 0 } executed && !executed.StartsWith("/proc/", StringComparison.Ordinal)
            && !executed.StartsWith("/dev/", StringComparison.Ordinal) && File.Exists(executed))
        {
            return System.IO.Path.GetFullPath(executed);
        }
        return ProgramName.Contains('/') ? (File.Exists(ProgramName) ? ProgramName : null) : FindExecutable(ProgramName);
    }

    /// <summary>This process's environment as NAME=VALUE.</summary>
    public static List<string> CurrentEnvironment()
    {
        var list = new List<string>();
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
            list.Add($"{entry.Key}={entry.Value}");
        return list;
    }

    private static unsafe NativeSpawnResult Run(SpawnPlan plan, string file, IReadOnlyList<SafeHandle?> handles)
    {
        var memory = new List<nint>();
        int held = 0;
        try
        {
            int* fds = stackalloc int[handles.Count];
            for (; held < handles.Count; held++)
            {
                bool added = false;
                handles[held]?.DangerousAddRef(ref added);
                fds[held] = handles[held] is { } handle ? (int)handle.DangerousGetHandle() : -1;
            }
            var native = new NativeSpawnPlan
            {
                Path = Text(file, memory),
                Argv = Texts(plan.Arguments, memory),
                Envp = Texts(plan.Environment ?? CurrentEnvironment(), memory),
                Cwd = plan.WorkingDirectory is { } cwd ? Text(cwd, memory) : null,
                Fds = fds,
                FdCount = handles.Count,
                Flags = (plan.NewSession ? SetSid : 0) | (plan.NewProcessGroup ? SetPgid : 0),
                ParentDeathSignal = plan.ParentDeathSignal,
                OomScoreAdj = plan.OomScoreAdjust is { } score ? Text(score.ToString(System.Globalization.CultureInfo.InvariantCulture), memory) : null,
            };
            return Sys.Spawn(native);
        }
        finally
        {
            while (--held >= 0)
                handles[held]?.DangerousRelease();
            foreach (nint block in memory)
                Marshal.FreeCoTaskMem(block);
        }
    }

    private static unsafe byte* Text(string text, List<nint> memory)
    {
        nint block = Marshal.StringToCoTaskMemUTF8(text);
        memory.Add(block);
        return (byte*)block;
    }

    private static unsafe byte** Texts(IReadOnlyList<string> texts, List<nint> memory)
    {
        nint block = Marshal.AllocCoTaskMem((texts.Count + 1) * sizeof(nint));
        memory.Add(block);
        var array = (byte**)block;
        for (int i = 0; i < texts.Count; i++)
            array[i] = Text(texts[i], memory);
        array[texts.Count] = null;
        return array;
    }
}
