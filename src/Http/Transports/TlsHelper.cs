using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Http;

/// <summary>
/// The process that speaks TLS for this one (<c>native/tls</c>): begun when it is first needed, and again when it has died. It gets each
/// connection's socket and gives back its plain text on a socket pair.
/// </summary>
internal sealed class TlsHelper
{
    /// <summary>What the dynamic linker exits with where it does not find a library.</summary>
    private const int NoLibrary = 127;

    /// <summary>How much is received of an answer at most: a kind, a length, and a text.</summary>
    private const int MaxAnswer = 3 + 1024;

    private const int SIGUSR1 = 10;
    private const string NeedsOpenSsl =
        "TLS needs OpenSSL 3 (libssl.so.3) on this machine: install libssl3 (Debian, Ubuntu; libssl3t64 on newer ones), openssl-libs (Fedora, RHEL), or libopenssl3 (SUSE)";

    /// <summary>How long reading the files of a check may take.</summary>
    private static readonly TimeSpan s_checkTimeout = TimeSpan.FromSeconds(30);

    /// <summary>How long a helper whose sockets are closed may take to end.</summary>
    private static readonly TimeSpan s_endTimeout = TimeSpan.FromSeconds(2);

    private static readonly Lock s_gate = new();
    private static TlsHelper? s_current;

    private readonly SafeFileHandle _control;
    private readonly TaskCompletionSource<ChildExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _pid;

    private TlsHelper(SafeFileHandle control) => _control = control;

    /// <summary>The helper's process, for tests; 0 where there is none.</summary>
    internal static int CurrentPid
    {
        get
        {
            lock (s_gate)
                return s_current is { _exit.Task.IsCompleted: false } helper ? helper._pid : 0;
        }
    }

    /// <summary>What is executed in place of the helper, by tests; null for it itself.</summary>
    internal static string? Substitute { get; set; }

    /// <summary>Sends a command with its descriptors, of which the first is an end of a pair that the answer comes on.</summary>
    /// <exception cref="IOException">No helper could be started.</exception>
    public static TlsHelper Send(ReadOnlySpan<byte> command, params ReadOnlySpan<SafeHandle> descriptors)
    {
        for (bool again = true; ; again = false)
        {
            TlsHelper helper = Current();
            Errno errno = helper.TrySend(command, descriptors);
            if (errno == 0)
                return helper;
            if (errno is not (Errno.EPIPE or Errno.ECONNRESET or Errno.ENOTCONN))
                throw new LinuxException("sendmsg", "tls-helper", errno);
            helper.Forget();
            // It may have died since it was last used; one that does so at once would do it again.
            if (!again)
                throw helper.Failure();
        }
    }

    /// <summary>Has settings looked at.</summary>
    /// <exception cref="IOException">They cannot be used, and why.</exception>
    public static void Check(ReadOnlySpan<byte> command)
    {
        (SafeFileHandle near, SafeFileHandle far) = Sys.UnixPair(messages: false);
        using (near)
        {
            TlsHelper helper;
            using (far)
                helper = Send(command, far);
            Span<byte> answer = stackalloc byte[MaxAnswer];
            int length = 0;
            string? text;
            bool ok;
            while (!TryParse(answer[..length], out ok, out text, out _))
            {
                if (Sys.Poll(near, EpollEvents.In, (int)s_checkTimeout.TotalMilliseconds) == EpollEvents.None)
                    throw new IOException("tls: i/o timeout");
                int count = length < answer.Length ? Sys.TryReceive(near, answer[length..], out _) : 0;
                if (count <= 0)
                    throw helper.Failure();
                length += count;
            }
            if (!ok)
                throw new IOException(text);
        }
    }

    /// <summary>Reads an answer: whether all went well, and a text; false where not all of it is there.</summary>
    public static bool TryParse(ReadOnlySpan<byte> answer, out bool ok, out string text, out int length)
    {
        (ok, text, length) = (false, "", 0);
        if (answer.Length < 3)
            return false;
        int size = BinaryPrimitives.ReadUInt16LittleEndian(answer[1..]);
        if (answer.Length < 3 + size)
            return false;
        ok = answer[0] == 1;
        text = Encoding.UTF8.GetString(answer.Slice(3, size));
        length = 3 + size;
        return true;
    }

    /// <summary>Why a connection's pair has ended without a word.</summary>
    public IOException Failure()
    {
        bool ended = _exit.Task.Wait(s_endTimeout);
        if (ended)
            Forget();
        return new IOException(
            !ended ? "tls: the helper process gave the connection up"
            : _exit.Task.Result is { Signaled: false, Value: NoLibrary } ? NeedsOpenSsl
            : _exit.Task.Result is { Signaled: true, Value: var signal } ? $"tls: the helper process was killed by signal {signal}"
            : $"tls: the helper process ended with exit code {_exit.Task.Result.Value}");
    }

    private Errno TrySend(ReadOnlySpan<byte> command, ReadOnlySpan<SafeHandle> descriptors)
    {
        try
        {
            return Sys.TrySendMessage(_control, command, descriptors);
        }
        catch (ObjectDisposedException) when (_control.IsClosed)
        {
            return Errno.EPIPE;
        }
    }

    private static TlsHelper Current()
    {
        lock (s_gate)
        {
            if (s_current is not { _exit.Task.IsCompleted: false })
                s_current = Start();
            return s_current;
        }
    }

    private static TlsHelper Start()
    {
        (SafeFileHandle ours, SafeFileHandle its) = Sys.UnixPair(messages: true);
        using (its)
        {
            TlsHelper helper = new(ours);
            TaskCompletionSource started = new();
            // A thread that lasts as long as the helper: by PR_SET_PDEATHSIG it would else die with whichever thread had begun it.
            new Thread(() => helper.Run(its, started), maxStackSize: 256 * 1024) { IsBackground = true, Name = "tls-helper" }.UnsafeStart();
            started.Task.GetAwaiter().GetResult();
            return helper;
        }
    }

    private void Run(SafeFileHandle control, TaskCompletionSource started)
    {
        try
        {
            using SafeFileHandle program = TlsProgram.Open();
            using SafeFileHandle devNull = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
            using SpawnedProcess process = ProcessSpawn.Start(new SpawnPlan
            {
                Path = Substitute ?? "/proc/self/fd/4",
                Arguments = ["tls-helper"],
                Descriptors = [devNull, devNull, devNull, control, program],
                // A terminal's signals are for this process, which may still need its connections.
                NewSession = true,
                ParentDeathSignal = SIGUSR1,
            });
            _pid = process.Pid;
            started.SetResult();
            _exit.SetResult(process.Wait());
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            // The program is there: what is not is the dynamic linker.
            started.SetException(new IOException(NeedsOpenSsl, e));
        }
        catch (IOException e)
        {
            started.SetException(e);
        }
        finally
        {
            _control.Dispose();
        }
    }

    private void Forget()
    {
        lock (s_gate)
        {
            if (s_current == this)
                s_current = null;
        }
    }
}
