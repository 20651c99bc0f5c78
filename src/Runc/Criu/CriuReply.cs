namespace AotRuntime.Runc.Criu;

/// <summary>What criu is asked for, and answers to: enum criu_req_type of rpc.proto.</summary>
internal enum CriuKind
{
    Empty,
    Dump,
    Restore,
    Check,
    PreDump,
    PageServer,
    Notify,
    CpuInfoDump,
    CpuInfoCheck,
    FeatureCheck,
    Version,
}

/// <summary>An answer of criu's: message criu_resp of rpc.proto.</summary>
internal sealed class CriuReply
{
    public CriuKind Kind { get; private set; }

    public bool Success { get; private set; }

    /// <summary>criu's own errno; that of its task where it ran into the kernel.</summary>
    public int Errno { get; private set; }

    /// <summary>What a NOTIFY is about.</summary>
    public string Script { get; private set; } = "";

    /// <summary>The pid that a NOTIFY tells.</summary>
    public int NotifyPid { get; private set; }

    /// <summary>Whether the kernel tracks memory that is written to.</summary>
    public bool MemTrack { get; private set; }

    /// <summary>Whether the kernel lets pages be fetched on demand.</summary>
    public bool LazyPages { get; private set; }

    /// <summary>criu's version: 4.2.1 is 40201; what was built from git counts as the next minor one.</summary>
    public int Version { get; private set; }

    /// <summary>The answer's kind as criu writes it.</summary>
    public string KindName => Kind switch
    {
        CriuKind.Dump => "DUMP",
        CriuKind.Restore => "RESTORE",
        CriuKind.PreDump => "PRE_DUMP",
        CriuKind.Notify => "NOTIFY",
        CriuKind.FeatureCheck => "FEATURE_CHECK",
        CriuKind.Version => "VERSION",
        CriuKind.Empty => "EMPTY",
        _ => ((int)Kind).ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    public static CriuReply Parse(ReadOnlySpan<byte> message)
    {
        var reply = new CriuReply();
        var fields = new CriuFields(message);
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 1:
                    reply.Kind = (CriuKind)fields.Number;
                    break;
                case 2:
                    reply.Success = fields.Number != 0;
                    break;
                case 5:
                    reply.ReadNotify(fields.Bytes);
                    break;
                case 7:
                    reply.Errno = fields.Number;
                    break;
                case 8:
                    reply.ReadFeatures(fields.Bytes);
                    break;
                case 10:
                    reply.Version = ReadVersion(fields.Bytes);
                    break;
            }
        }
        return reply;
    }

    private void ReadNotify(ReadOnlySpan<byte> message)
    {
        var fields = new CriuFields(message);
        while (fields.Next())
        {
            if (fields.Field == 1)
                Script = fields.Text;
            else if (fields.Field == 2)
                NotifyPid = fields.Number;
        }
    }

    private void ReadFeatures(ReadOnlySpan<byte> message)
    {
        var fields = new CriuFields(message);
        while (fields.Next())
        {
            if (fields.Field == 1)
                MemTrack = fields.Number != 0;
            else if (fields.Field == 2)
                LazyPages = fields.Number != 0;
        }
    }

    private static int ReadVersion(ReadOnlySpan<byte> message)
    {
        int major = 0, minor = 0, sub = 0;
        bool git = false;
        var fields = new CriuFields(message);
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 1:
                    major = fields.Number;
                    break;
                case 2:
                    minor = fields.Number;
                    break;
                case 3:
                    git = fields.Bytes.Length > 0;
                    break;
                case 4:
                    sub = fields.Number;
                    break;
            }
        }
        return major * 10000 + (git ? (minor + 1) * 100 : minor * 100 + sub);
    }
}
