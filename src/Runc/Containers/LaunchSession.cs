using System.Buffers.Binary;
using System.Text;
using AotRuntime.Linux;
using AotRuntime.Runc.Plan;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Containers;

/// <summary>The parent's side of a launch: starts the plan and answers the child's messages.</summary>
internal sealed class LaunchSession : IDisposable
{
    private const int TextOffset = 16;
    private readonly byte[] _report = new byte[1024];
    private readonly SafeFileHandle _socket;
    private readonly SafeFileHandle _childSocket;

    public LaunchSession()
    {
        (_socket, _childSocket) = Launcher.SocketPair(Launcher.SeqPacket);
    }

    /// <summary>For <see cref="PlanWriter.SyncFd"/>.</summary>
    public int ChildFd => (int)_childSocket.DangerousGetHandle();

    /// <summary>Our end, which the child must close: while it holds a copy, it would not see us die.</summary>
    public int ParentFd => (int)_socket.DangerousGetHandle();

    public int Pid { get; private set; }

    public SafeFileHandle? PidFd { get; private set; }

    /// <summary>The number that came with the last message.</summary>
    public int Value { get; private set; }

    /// <summary>A process that does nothing until it is killed, or we end.</summary>
    /// <param name="other">A session that is to see the end of its own process, so this one must not have its socket.</param>
    public static LaunchSession Hold(LaunchSession other)
    {
        var session = new LaunchSession();
        var plan = new PlanWriter { SyncFd = session.ChildFd };
        foreach (int fd in (ReadOnlySpan<int>)[session.ParentFd, other.ParentFd, other.ChildFd])
            plan.Op(PlanOp.Close).Fd(fd);
        plan.Sync(SyncKind.Ready, wait: true);
        session.Start(plan);
        return session;
    }

    /// <summary>Launches the plan's process.</summary>
    /// <param name="plan">What it is to do.</param>
    /// <param name="meanwhile">What is done while it takes its plan. Where this fails the process is there all the same, for <see cref="Kill"/>.</param>
    public void Start(PlanWriter plan, Action? meanwhile = null)
    {
        ReadOnlySpan<byte> blob = plan.Finish();
        try
        {
            if (meanwhile is not null)
            {
                Launcher.Hand(blob);
                meanwhile();
            }
        }
        finally
        {
            (Pid, PidFd) = Launcher.Launch(blob);
        }
        // From here on only the child holds it, so that its end is seen.
        _childSocket.Dispose();
    }

    /// <summary>Takes a child that somebody else has made for the one that was launched.</summary>
    /// <exception cref="RuncException">It has ended.</exception>
    public void Adopt(int pid)
    {
        Pid = pid;
        PidFd = Sys.PidFdOpen(pid) ?? throw new RuncException("container init exited prematurely");
    }

    /// <summary>The next message; null once the child has executed its program, or ended.</summary>
    /// <exception cref="RuncException">The child reports an error.</exception>
    public SyncKind? Next()
    {
        while (true)
        {
            int length = Launcher.ReceiveReport(_socket, _report);
            if (length < TextOffset)
                return null;
            var kind = (SyncKind)BinaryPrimitives.ReadUInt32LittleEndian(_report);
            Value = BinaryPrimitives.ReadInt32LittleEndian(_report.AsSpan(12));
            if (kind == SyncKind.Pid)
            {
                // The first process has done its part; its child is ours now.
                Sys.WaitPid(Pid);
                PidFd?.Dispose();
                Pid = Value;
                PidFd = Sys.PidFdOpen(Pid) ?? throw new RuncException("container init exited prematurely");
                continue;
            }
            if (kind != SyncKind.Error)
                return kind;
            var errno = (Errno)BinaryPrimitives.ReadInt32LittleEndian(_report.AsSpan(4));
            ReadOnlySpan<byte> text = _report.AsSpan(TextOffset, length - TextOffset);
            int end = text.IndexOf((byte)0);
            string message = Encoding.UTF8.GetString(end < 0 ? text : text[..end]);
            throw new RuncException(errno == Errno.None ? message : $"{message}: {errno.Text()}");
        }
    }

    public void Answer() => Launcher.Answer(_socket);

    /// <summary>Ends what was started, and reaps it.</summary>
    public void Kill()
    {
        if (PidFd is null)
            return;
        Sys.PidFdSendSignal(PidFd, 9);
        Sys.WaitPid(Pid);
    }

    public void Dispose()
    {
        _socket.Dispose();
        _childSocket.Dispose();
        PidFd?.Dispose();
    }
}
