using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using AotRuntime.Runc.Plan;

namespace AotRuntime.Tests.Unit.Runc;

/// <summary>Reads a launch plan back as text, one record a line, with its own knowledge of the layout (native/launcher/plan.h).</summary>
internal static class PlanText
{
    private static readonly Dictionary<PlanOp, string> Signatures = new()
    {
        [PlanOp.CgroupJoin] = "us",
        [PlanOp.SetNs] = "uqs",
        [PlanOp.Unshare] = "q",
        [PlanOp.Fork] = "q",
        [PlanOp.Sync] = "uu",
        [PlanOp.RootIds] = "",
        [PlanOp.SetSid] = "",
        [PlanOp.Keyring] = "suu",
        [PlanOp.LoopbackUp] = "",
        [PlanOp.RootPrepare] = "sqq",
        [PlanOp.Mount] = "sssqqsuqqQi",
        [PlanOp.Mknod] = "suuuuu",
        [PlanOp.BindDevice] = "s",
        [PlanOp.Symlink] = "ss",
        [PlanOp.Ptmx] = "",
        [PlanOp.Sysctl] = "ss",
        [PlanOp.Hook] = "ssSSuss",
        [PlanOp.RootEnter] = "u",
        [PlanOp.RootPropagation] = "q",
        [PlanOp.DevNullReopen] = "",
        [PlanOp.Mkdir] = "su",
        [PlanOp.Console] = "uuuu",
        [PlanOp.RemountReadOnly] = "s",
        [PlanOp.RootReadOnly] = "",
        [PlanOp.Umask] = "u",
        [PlanOp.Hostname] = "s",
        [PlanOp.Domainname] = "s",
        [PlanOp.ReadOnlyPath] = "s",
        [PlanOp.MaskPath] = "s",
        [PlanOp.NoNewPrivileges] = "",
        [PlanOp.Personality] = "u",
        [PlanOp.IoPriority] = "u",
        [PlanOp.Scheduler] = "uquuqqq",
        [PlanOp.Identity] = "suuUuqqqqq",
        [PlanOp.Resolve] = "SSu",
        [PlanOp.PidFdSend] = "us",
        [PlanOp.WaitFifo] = "u",
        [PlanOp.Exec] = "u",
        [PlanOp.ChrootFd] = "u",
        [PlanOp.Undumpable] = "",
        [PlanOp.TimeOffsets] = "s",
        [PlanOp.Close] = "u",
        [PlanOp.Seccomp] = "uiuQ",
        [PlanOp.Affinity] = "suQ",
        [PlanOp.MemoryPolicy] = "uQ",
        [PlanOp.LabelOpen] = "us",
        [PlanOp.LabelWrite] = "uss",
        [PlanOp.Rlimits] = "Q",
    };

    /// <summary>The clone flags, then the records.</summary>
    public static string[] Of(ReadOnlySpan<byte> plan)
    {
        Assert.Equal(0x50544f41u, BinaryPrimitives.ReadUInt32LittleEndian(plan));
        Assert.Equal((uint)plan.Length, BinaryPrimitives.ReadUInt32LittleEndian(plan[8..]));
        uint records = BinaryPrimitives.ReadUInt32LittleEndian(plan[12..]);
        var lines = new List<string> { string.Create(CultureInfo.InvariantCulture, $"clone 0x{BinaryPrimitives.ReadUInt64LittleEndian(plan[16..]):x}") };
        int at = 40;
        for (uint i = 0; i < records; i++)
        {
            var op = (PlanOp)BinaryPrimitives.ReadUInt32LittleEndian(plan[at..]);
            int size = (int)BinaryPrimitives.ReadUInt32LittleEndian(plan[(at + 4)..]);
            lines.Add(Record(op, plan.Slice(at + 8, size - 8)));
            at += size;
        }
        Assert.Equal(plan.Length, at);
        return [.. lines];
    }

    private static string Record(PlanOp op, ReadOnlySpan<byte> payload)
    {
        var text = new StringBuilder(op.ToString());
        int at = 0;
        foreach (char field in Signatures[op])
        {
            text.Append(' ');
            switch (field)
            {
                case 'u':
                    text.Append(U32(payload, ref at));
                    break;
                case 'i':
                    text.Append(unchecked((int)U32(payload, ref at)));
                    break;
                case 'q':
                    text.Append(CultureInfo.InvariantCulture, $"0x{U64(payload, ref at):x}");
                    break;
                case 's':
                    text.Append(Quoted(payload, ref at));
                    break;
                default:
                    uint count = U32(payload, ref at);
                    text.Append('[');
                    for (uint i = 0; i < count; i++)
                    {
                        text.Append(i == 0 ? "" : " ");
                        if (field == 'S')
                            text.Append(Quoted(payload, ref at));
                        else if (field == 'U')
                            text.Append(U32(payload, ref at));
                        else
                            text.Append(CultureInfo.InvariantCulture, $"0x{U64(payload, ref at):x}");
                    }
                    text.Append(']');
                    break;
            }
        }
        Assert.Equal(payload.Length, at);
        return text.ToString();
    }

    private static uint U32(ReadOnlySpan<byte> payload, ref int at)
    {
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(payload[at..]);
        at += 4;
        return value;
    }

    private static ulong U64(ReadOnlySpan<byte> payload, ref int at)
    {
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(payload[at..]);
        at += 8;
        return value;
    }

    private static string Quoted(ReadOnlySpan<byte> payload, ref int at)
    {
        int length = (int)U32(payload, ref at);
        string text = Encoding.UTF8.GetString(payload.Slice(at, length));
        Assert.Equal(0, payload[at + length]);
        at += (length + 4) & ~3;
        return "'" + text + "'";
    }
}
