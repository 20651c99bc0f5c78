using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>The container launcher of <c>native/launcher</c>.</summary>
public static unsafe partial class Launcher
{
    [LibraryImport("aotlauncher", EntryPoint = "aot_launcher_version")]
    private static partial int aot_launcher_version();

    [LibraryImport("aotlauncher", EntryPoint = "aot_launch_hand")]
    private static partial void aot_launch_hand(byte* plan, nuint size);

    [LibraryImport("aotlauncher", EntryPoint = "aot_launch")]
    private static partial int aot_launch(byte* plan, nuint size, int* pid, int* pidFd, byte** why);

    [LibraryImport("aotlauncher", EntryPoint = "aot_receive_fd")]
    private static partial int aot_receive_fd(int socket);

    [LibraryImport("aotlauncher", EntryPoint = "aot_send_fd", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int aot_send_fd(int socket, string text, int fd);

    [LibraryImport("aotlauncher", EntryPoint = "aot_connect_unix", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int aot_connect_unix(string path);

    [LibraryImport("aotlauncher", EntryPoint = "aot_socketpair")]
    private static partial int aot_socketpair(int type, int* pair);

    [LibraryImport("aotlauncher", EntryPoint = "aot_signals_catch")]
    private static partial int aot_signals_catch();

    [LibraryImport("aotlauncher", EntryPoint = "aot_supervise")]
    private static partial int aot_supervise(int pid, int pidFd, int master);

    [LibraryImport("aotlauncher", EntryPoint = "aot_run_hook", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int aot_run_hook(string path, byte** argv, byte** envp, uint timeout, byte* state, nuint stateLength, byte* text, nuint textSize);

    [LibraryImport("aotlauncher", EntryPoint = "aot_report_receive")]
    private static partial int aot_report_receive(int socket, byte* report, nuint size);

    [LibraryImport("aotlauncher", EntryPoint = "aot_report_answer")]
    private static partial int aot_report_answer(int socket);

    [LibraryImport("aotlauncher", EntryPoint = "aot_joiner_waits")]
    private static partial int aot_joiner_waits();

    [LibraryImport("aotlauncher", EntryPoint = "aot_joiner_beforehand")]
    private static partial void aot_joiner_beforehand(byte* plan, nuint size);

    [LibraryImport("aotlauncher", EntryPoint = "aot_trace_on")]
    private static partial int aot_trace_on();

    [LibraryImport("aotlauncher", EntryPoint = "aot_trace_step", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void aot_trace_step(string text);

    [LibraryImport("aotlauncher", EntryPoint = "aot_trace_keep", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int aot_trace_keep(string path);

    [LibraryImport("aotlauncher", EntryPoint = "aot_trace_resume", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int aot_trace_resume(string path);

    [LibraryImport("aotlauncher", EntryPoint = "aot_trace_read")]
    private static partial nuint aot_trace_read(byte* to, nuint room);

    /// <summary>The layout of launch plans that the linked launcher reads.</summary>
    public static int Version => aot_launcher_version();

    /// <summary>SOCK_STREAM of <see cref="SocketPair"/>.</summary>
    public const int Stream = 1;

    /// <summary>SOCK_SEQPACKET of <see cref="SocketPair"/>.</summary>
    public const int SeqPacket = 5;

    /// <summary>Whether what is launched will be cloned from a process whose program file is out of reach (<see cref="OwnFile"/>).</summary>
    public static bool HasJoiner => aot_joiner_waits() != 0;

    /// <summary>
    /// Begins a launch, where a process waits for its plan already; <see cref="Launch"/> with the same plan, without which there is none,
    /// ends it. No descriptor that the plan names may be closed in between.
    /// </summary>
    public static void Hand(ReadOnlySpan<byte> plan)
    {
        // SAFETY: the plan is pinned for the call; what is sent of it is a copy.
        fixed (byte* p = plan)
            aot_launch_hand(p, (nuint)plan.Length);
    }

    /// <summary>
    /// Has the process that what is launched will be cloned from (<see cref="HasJoiner"/>) do a plan of <c>PLAN_BEFOREHAND</c> itself, while this
    /// one goes on. What fails of it the launch does again.
    /// </summary>
    public static void Prepare(ReadOnlySpan<byte> plan)
    {
        // SAFETY: the plan is pinned for the call; what is sent of it is a copy.
        fixed (byte* p = plan)
            aot_joiner_beforehand(p, (nuint)plan.Length);
    }

    /// <summary>Clones the plan's first process.</summary>
    /// <exception cref="LinuxException">The kernel refused the clone.</exception>
    /// <exception cref="InvalidDataException">The plan is malformed; nothing was cloned.</exception>
    public static (int Pid, SafeFileHandle PidFd) Launch(ReadOnlySpan<byte> plan)
    {
        int pid = 0, pidFd = -1;
        byte* why = null;
        int result;
        // SAFETY: the plan is pinned for the call; the child works on its own copy of this memory.
        fixed (byte* p = plan)
            result = aot_launch(p, (nuint)plan.Length, &pid, &pidFd, &why);
        if (why is not null)
            throw new InvalidDataException(Marshal.PtrToStringUTF8((nint)why));
        if (result < 0)
            throw new LinuxException("clone3", "", (Errno)(-result));
        return (pid, new SafeFileHandle(pidFd, ownsHandle: true));
    }

    /// <summary>Begins a timeline of this process and of those it launches, unless that has happened before the managed runtime started.</summary>
    public static void BeginTrace()
    {
        int result = aot_trace_on();
        if (result < 0)
            throw new LinuxException("mmap", "timeline", (Errno)(-result));
    }

    /// <summary>A step of this process begins, and its step before has ended.</summary>
    public static void TraceStep(string text) => aot_trace_step(text);

    /// <summary>Keeps the timeline in a new file from here on.</summary>
    public static void KeepTrace(string path)
    {
        int result = aot_trace_keep(path);
        if (result < 0)
            throw new LinuxException("open", path, (Errno)(-result));
    }

    /// <summary>Goes on with the timeline that another command has kept; false where it is not there.</summary>
    public static bool ResumeTrace(string path) => aot_trace_resume(path) == 0;

    /// <summary>The timeline so far, as <c>native/launcher/trace.h</c> lays it out; it must have begun.</summary>
    public static byte[] ReadTrace()
    {
        byte[] bytes = new byte[aot_trace_read(null, 0)];
        // SAFETY: pinned for the call, and its size is passed.
        fixed (byte* p = bytes)
            aot_trace_read(p, (nuint)bytes.Length);
        return bytes;
    }

    /// <summary>A connected pair of unix sockets, close-on-exec.</summary>
    public static (SafeFileHandle First, SafeFileHandle Second) SocketPair(int type)
    {
        int* pair = stackalloc int[2];
        int result = aot_socketpair(type, pair);
        if (result < 0)
            throw new LinuxException("socketpair", "", (Errno)(-result));
        return (new SafeFileHandle(pair[0], ownsHandle: true), new SafeFileHandle(pair[1], ownsHandle: true));
    }

    /// <summary>Connects to a unix socket, without the start-up cost of System.Net.Sockets.</summary>
    public static SafeFileHandle ConnectUnix(string path)
    {
        int fd = aot_connect_unix(path);
        return fd < 0 ? throw new LinuxException("dial unix", path, (Errno)(-fd)) : new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>Sends a text and one descriptor over a unix socket.</summary>
    public static void SendDescriptor(SafeFileHandle socket, string text, SafeFileHandle descriptor)
    {
        int result = aot_send_fd((int)socket.DangerousGetHandle(), text, (int)descriptor.DangerousGetHandle());
        if (result < 0)
            throw new LinuxException("sendmsg", "", (Errno)(-result));
    }

    /// <summary>Takes one descriptor off a unix socket.</summary>
    public static SafeFileHandle ReceiveDescriptor(SafeFileHandle socket)
    {
        int fd = aot_receive_fd((int)socket.DangerousGetHandle());
        return fd < 0 ? throw new LinuxException("recvmsg", "console socket", (Errno)(-fd)) : new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>From here on signals wait for <see cref="Supervise"/>; call it before <see cref="Launch"/>, so that none is lost.</summary>
    public static void CatchSignals()
    {
        int result = aot_signals_catch();
        if (result < 0)
            throw new LinuxException("sigaction", "", (Errno)(-result));
    }

    /// <summary>Passes signals on and relays the terminal until the process ends; its exit code as a shell has it.</summary>
    public static int Supervise(int pid, SafeFileHandle pidFd, SafeFileHandle? master)
    {
        int result = aot_supervise(pid, (int)pidFd.DangerousGetHandle(), master is null ? -1 : (int)master.DangerousGetHandle());
        return result < 0 ? throw new LinuxException("poll", "", (Errno)(-result)) : result;
    }

    /// <summary>The next message of a launched process; its length, 0 where the process has closed its end (it has executed its program, or died).</summary>
    public static int ReceiveReport(SafeFileHandle socket, Span<byte> report)
    {
        // SAFETY: the buffer is pinned for the call and its size is passed.
        fixed (byte* p = report)
        {
            int result = aot_report_receive((int)socket.DangerousGetHandle(), p, (nuint)report.Length);
            return result < 0 ? throw new LinuxException("recv", "report socket", (Errno)(-result)) : result;
        }
    }

    /// <summary>Lets a launched process go on that waits for its parent.</summary>
    public static void Answer(SafeFileHandle socket)
    {
        int result = aot_report_answer((int)socket.DangerousGetHandle());
        if (result < 0)
            throw new LinuxException("send", "report socket", (Errno)(-result));
    }

    /// <summary>Runs a hook to its end; null where it did well, else what was wrong.</summary>
    public static string? RunHook(string path, IReadOnlyList<string> args, IReadOnlyList<string> env, uint timeout, ReadOnlySpan<byte> state)
    {
        byte** argv = Texts(args);
        byte** envp = Texts(env);
        try
        {
            const int room = 1024;
            byte* text = stackalloc byte[room];
            int result;
            // SAFETY: the arrays end with NULL and are freed only after the call; the state is pinned.
            fixed (byte* s = state)
                result = aot_run_hook(path, argv, envp, timeout, s, (nuint)state.Length, text, room);
            if (result == 0)
                return null;
            string said = Marshal.PtrToStringUTF8((nint)text) ?? "";
            return said.Length > 0 ? said : ((Errno)result).Text();
        }
        finally
        {
            Free(argv);
            Free(envp);
        }
    }

    private static byte** Texts(IReadOnlyList<string> texts)
    {
        var array = (byte**)NativeMemory.AllocZeroed((nuint)(texts.Count + 1), (nuint)sizeof(byte*));
        for (int i = 0; i < texts.Count; i++)
            array[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
        return array;
    }

    private static void Free(byte** array)
    {
        for (byte** at = array; *at is not null; at++)
            Marshal.FreeCoTaskMem((nint)(*at));
        NativeMemory.Free(array);
    }
}
