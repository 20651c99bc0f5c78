using AotRuntime.Linux;
using AotRuntime.Runc.Logging;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Criu;

/// <summary>
/// A criu that serves one request over a socket that it was started with (<c>criu swrk</c>). Descriptors that a request names by number
/// are this process's, which criu opens through /proc, but for those to be inherited, which are its own.
/// </summary>
internal sealed class CriuSession : IDisposable
{
    private const int SocketNumber = 3;
    private const int NoSignal = 0x4000;
    private const int MostBytes = 10 * 4096;

    /// <summary>What the first descriptor beyond standard error and the socket gets.</summary>
    public const int FirstExtra = SocketNumber + 1;

    private readonly SafeFileHandle _socket;
    private SpawnedProcess? _process;

    private CriuSession(SafeFileHandle socket, SpawnedProcess process)
    {
        _socket = socket;
        _process = process;
    }

    public int Pid => _process!.Pid;

    /// <summary>Starts it; without a program's own standard streams on /dev/null.</summary>
    /// <exception cref="LinuxException">There is none.</exception>
    public static CriuSession Start(bool ownStreams = false, IReadOnlyList<SafeFileHandle>? extra = null)
    {
        (SafeFileHandle ours, SafeFileHandle its) = Launcher.SocketPair(Launcher.SeqPacket);
        using (its)
        using (SafeFileHandle nothing = Sys.Open("/dev/null", OpenFlags.ReadWrite))
        {
            var descriptors = new List<System.Runtime.InteropServices.SafeHandle?>();
            for (int fd = 0; fd < SocketNumber; fd++)
                descriptors.Add(ownStreams ? new SafeFileHandle(fd, ownsHandle: false) : nothing);
            descriptors.Add(its);
            descriptors.AddRange(extra ?? []);
            try
            {
                return new CriuSession(ours, ProcessSpawn.Start(new SpawnPlan { Path = "criu", Arguments = ["criu", "swrk", "3"], Descriptors = descriptors }));
            }
            catch (LinuxException)
            {
                ours.Dispose();
                throw;
            }
        }
    }

    /// <summary>criu's version.</summary>
    /// <exception cref="RuncException">There is no criu, or one that is too old.</exception>
    public static int RequireVersion()
    {
        const int oldest = 30000;
        int version;
        try
        {
            using CriuSession session = Start();
            version = session.Ask(CriuKind.Version, new CriuMessage()).Version;
        }
        catch (Exception e) when (e is LinuxException or RuncException)
        {
            string why = e is LinuxException { Errno: Errno.ENOENT, Call: "exec" } ? "exec: \"criu\": executable file not found in $PATH" : e.Message;
            throw new RuncException($"CRIU version check failed: {why}", e);
        }
        RuncLog.Debug($"Using CRIU {version}");
        return version >= oldest ? version : throw new RuncException($"CRIU version {version} must be {oldest} or higher");
    }

    /// <summary>Makes sure that the kernel and criu can do what an option needs.</summary>
    /// <exception cref="RuncException">They can't.</exception>
    public static void RequireFeatures(bool memTrack, bool lazyPages)
    {
        if (!memTrack && !lazyPages)
            return;
        CriuReply reply;
        try
        {
            using CriuSession session = Start();
            // criu_req.features = 5 { mem_track = 1, lazy_pages = 2 }
            var features = new CriuMessage();
            if (memTrack)
                features.Flag(1, true);
            if (lazyPages)
                features.Flag(2, true);
            reply = session.Ask(CriuKind.FeatureCheck, new CriuMessage().Message(5, features));
        }
        catch (RuncException e)
        {
            throw new RuncException($"CRIU feature check failed: {e.Message}", e);
        }
        var missing = new List<string>();
        if (memTrack && !reply.MemTrack)
            missing.Add("MemTrack");
        if (lazyPages && !reply.LazyPages)
            missing.Add("LazyPages");
        if (missing.Count > 0)
            throw new RuncException($"criu is missing features: [{string.Join(' ', missing)}]");
    }

    /// <summary>Sends a request and waits for its answer; meanwhile what criu tells goes to <paramref name="notified"/>.</summary>
    /// <param name="kind">What is asked for.</param>
    /// <param name="rest">The request's other fields.</param>
    /// <param name="notified">Gets each notification, with the descriptor that came along; criu goes on when it returns.</param>
    /// <exception cref="RuncException">criu failed.</exception>
    public CriuReply Ask(CriuKind kind, CriuMessage rest, Action<CriuReply, SafeFileHandle?>? notified = null)
    {
        // criu_req: type = 1, opts = 2, notify_success = 3
        Send([.. new CriuMessage().Number(1, (int)kind).ToArray(), .. rest.ToArray()]);
        var buffer = new byte[MostBytes];
        while (true)
        {
            int length = Sys.ReceiveMessage(_socket, buffer, out SafeFileHandle? descriptor);
            using (descriptor)
            {
                if (length == 0)
                    throw new RuncException("unexpected EOF");
                if (length == buffer.Length)
                    throw new RuncException("buffer is too small");
                CriuReply reply = CriuReply.Parse(buffer.AsSpan(0, length));
                if (!reply.Success)
                    throw new RuncException($"criu failed: type {reply.KindName} errno {reply.Errno}");
                if (reply.Kind == kind)
                    return reply;
                if (reply.Kind != CriuKind.Notify)
                    throw new RuncException($"unable to parse the response of criu: type {reply.KindName}");
                RuncLog.Debug("notify: " + reply.Script);
                notified?.Invoke(reply, descriptor);
                Send(new CriuMessage().Number(1, (int)CriuKind.Notify).Flag(3, true).ToArray());
            }
        }
    }

    /// <summary>Lets criu end, and waits for that.</summary>
    /// <exception cref="RuncException">It failed at last.</exception>
    public void Finish()
    {
        _socket.Dispose();
        using SpawnedProcess process = _process!;
        _process = null;
        ChildExit exit = process.Wait();
        if (exit.Code != 0)
            throw new RuncException($"criu failed: {(exit.Signaled ? "signal" : "exit status")} {exit.Value}");
    }

    public void Dispose()
    {
        // It ends once nobody is there to talk to; what it had restored by then goes with it.
        _socket.Dispose();
        _process?.Wait();
        _process?.Dispose();
    }

    private void Send(byte[] message) => Sys.Send(_socket, message, NoSignal);
}
