using System.Buffers.Binary;
using System.Text;

namespace AotRuntime.Runc.Plan;

/// <summary>Writes a launch plan, the blob that <c>native/launcher/plan.h</c> describes.</summary>
/// <param name="capacity">Bytes to begin with.</param>
internal sealed class PlanWriter(int capacity = PlanWriter.UsualSize)
{
    private const int UsualSize = 16 * 1024;
    private const uint Magic = 0x50544f41;
    private const uint Version = 2;
    private const int HeaderSize = 40;

    private byte[] _buffer = new byte[capacity];
    private int _used = HeaderSize;
    private int _record = -1;
    private uint _records;

    /// <summary>CLONE_NEW… flags of the first clone.</summary>
    public ulong CloneFlags { get; set; }

    /// <summary>The child's end of the report socket.</summary>
    public int SyncFd { get; set; } = -1;

    /// <summary>A cgroup2 directory to be cloned into, or -1.</summary>
    public int CgroupFd { get; set; } = -1;

    /// <summary>A pid namespace, or a process in one, for the first process to be born into; or -1.</summary>
    public int PidNamespaceFd { get; set; } = -1;

    /// <summary>PLAN_BEFOREHAND: for the process that waits for the plan of the launch, which does it itself.</summary>
    public bool Beforehand { get; init; }

    /// <summary>Begins a record; it lasts until the next one.</summary>
    public PlanWriter Op(PlanOp op)
    {
        EndRecord();
        _record = _used;
        _records++;
        return U32((uint)op).U32(0);
    }

    /// <summary>A record that tells the parent, and may wait for its answer; enum sync_wait.</summary>
    public void Sync(SyncKind kind, bool wait) => Op(PlanOp.Sync).U32((uint)kind).U32(wait ? 1u : 0);

    /// <summary>A record that waits for the parent, which says by itself when it is done (SYNC_WAIT_UNASKED).</summary>
    public void Await(SyncKind kind) => Op(PlanOp.Sync).U32((uint)kind).U32(2);

    public PlanWriter U32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Room(4), value);
        return this;
    }

    public PlanWriter Fd(int fd) => U32(unchecked((uint)fd));

    public PlanWriter U64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Room(8), value);
        return this;
    }

    public PlanWriter Text(string value)
    {
        if (value.Contains('\0'))
            throw new RuncException($"invalid argument: a NUL byte in \"{value.Replace("\0", "\\x00", StringComparison.Ordinal)}\"");
        int length = Encoding.UTF8.GetByteCount(value);
        U32((uint)length);
        Span<byte> room = Room((length + 1 + 3) & ~3);
        room[length..].Clear();
        Encoding.UTF8.GetBytes(value, room);
        return this;
    }

    public PlanWriter Texts(IReadOnlyList<string>? values)
    {
        U32((uint)(values?.Count ?? 0));
        for (int i = 0; i < (values?.Count ?? 0); i++)
            Text(values![i]);
        return this;
    }

    public PlanWriter U32s(IReadOnlyList<uint>? values)
    {
        U32((uint)(values?.Count ?? 0));
        for (int i = 0; i < (values?.Count ?? 0); i++)
            U32(values![i]);
        return this;
    }

    public PlanWriter U64s(IReadOnlyList<ulong> values)
    {
        U32((uint)values.Count);
        for (int i = 0; i < values.Count; i++)
            U64(values[i]);
        return this;
    }

    /// <summary>Numbers that are bytes already; their length is a multiple of 8.</summary>
    public PlanWriter U64s(ReadOnlySpan<byte> littleEndian)
    {
        U32((uint)(littleEndian.Length / 8));
        littleEndian.CopyTo(Room(littleEndian.Length));
        return this;
    }

    /// <summary>The finished blob.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        EndRecord();
        Span<byte> header = _buffer.AsSpan(0, HeaderSize);
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], (uint)_used);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], _records);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], CloneFlags);
        BinaryPrimitives.WriteInt32LittleEndian(header[24..], SyncFd);
        BinaryPrimitives.WriteInt32LittleEndian(header[28..], CgroupFd);
        BinaryPrimitives.WriteInt32LittleEndian(header[32..], PidNamespaceFd);
        BinaryPrimitives.WriteUInt32LittleEndian(header[36..], Beforehand ? 1u : 0);
        return _buffer.AsSpan(0, _used);
    }

    private void EndRecord()
    {
        if (_record >= 0)
            BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(_record + 4), (uint)(_used - _record));
        _record = -1;
    }

    private Span<byte> Room(int size)
    {
        if (_used + size > _buffer.Length)
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _used + size));
        Span<byte> room = _buffer.AsSpan(_used, size);
        _used += size;
        return room;
    }
}
