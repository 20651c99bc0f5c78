using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux.Netlink;

/// <summary>
/// A netlink socket (<c>man 7 netlink</c>). It belongs to the network namespace of the thread that made it, wherever it is used
/// later. Calls are one at a time and wait for the kernel's answer, which comes at once.
/// </summary>
public sealed class NetlinkSocket : IDisposable
{
    /// <summary>Routes, links and addresses (<c>man 7 rtnetlink</c>).</summary>
    public const int NETLINK_ROUTE = 0;

    /// <summary>Netfilter's subsystems, nf_tables among them.</summary>
    public const int NETLINK_NETFILTER = 12;

    /// <summary>Request flags of <c>man 7 netlink</c>.</summary>
    public const int NLM_F_REQUEST = 1, NLM_F_ACK = 4, NLM_F_DUMP = 0x300, NLM_F_EXCL = 0x200, NLM_F_CREATE = 0x400, NLM_F_APPEND = 0x800;

    private const int SOCK_RAW = 3;
    private const int NLMSG_ERROR = 2, NLMSG_DONE = 3;
    private readonly SafeFileHandle _fd;
    private readonly Lock _gate = new();
    private readonly byte[] _buffer = new byte[64 * 1024];
    private uint _sequence = 1;

    /// <summary>Opens a socket of <paramref name="protocol"/> in this thread's network namespace.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public NetlinkSocket(int protocol) => _fd = Sys.Socket(Sys.AF_NETLINK, SOCK_RAW, protocol);

    /// <summary>Handles one message of an answer: its type and what follows its header.</summary>
    public delegate void Handler(int type, ReadOnlySpan<byte> body);

    /// <summary>
    /// Sends what <paramref name="build"/> writes (given the first of the sequence numbers, which it counts up itself) and waits
    /// for <paramref name="acknowledgements"/> of them, or for a dump's end.
    /// </summary>
    /// <param name="call">What is done, for the error's text.</param>
    /// <param name="subject">What it is done to.</param>
    /// <param name="build">Writes the messages.</param>
    /// <param name="acknowledgements">How many messages asked for NLM_F_ACK; a dump counts as one.</param>
    /// <param name="onMessage">Gets every message that is no acknowledgement.</param>
    /// <exception cref="LinuxException">The kernel refused one of them; the first refusal is told.</exception>
    public void Transact(string call, string subject, Func<NetlinkWriter, uint, uint> build, int acknowledgements = 1, Handler? onMessage = null)
    {
        lock (_gate)
        {
            NetlinkWriter writer = new();
            uint first = _sequence;
            _sequence = build(writer, first);
            Sys.Send(_fd, writer.Written, 0);
            Errno failure = Errno.None;
            while (acknowledgements > 0)
            {
                int n = Sys.Receive(_fd, _buffer, 0);
                ReadOnlySpan<byte> rest = _buffer.AsSpan(0, n);
                while (rest.Length >= 16)
                {
                    int length = BinaryPrimitives.ReadInt32LittleEndian(rest);
                    if (length < 16 || length > rest.Length)
                        break;
                    int type = BinaryPrimitives.ReadUInt16LittleEndian(rest[4..]);
                    uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]);
                    ReadOnlySpan<byte> body = rest[16..length];
                    rest = rest[Math.Min((length + 3) & ~3, rest.Length)..];
                    if (sequence < first)
                        continue; // left over from a call that failed half-way
                    if (type == NLMSG_ERROR)
                    {
                        int error = -BinaryPrimitives.ReadInt32LittleEndian(body);
                        if (error != 0 && failure == Errno.None)
                            failure = (Errno)error;
                        acknowledgements--;
                        // A batch that fails answers for the failing messages only (nfnetlink_rcv_batch): nothing else is to come.
                        if (error != 0)
                            acknowledgements = 0;
                    }
                    else if (type == NLMSG_DONE)
                    {
                        acknowledgements--;
                    }
                    else
                    {
                        onMessage?.Invoke(type, body);
                    }
                }
            }
            if (failure != Errno.None)
                throw new LinuxException(call, subject, failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _fd.Dispose();
}
