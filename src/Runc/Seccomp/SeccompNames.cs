using AotRuntime.Linux;

namespace AotRuntime.Runc.Seccomp;

/// <summary>The spec's names and libseccomp's numbers (seccomp.h).</summary>
internal static class SeccompNames
{
    public const uint KillProcess = 0x80000000;
    public const uint KillThread = 0;
    public const uint Trap = 0x00030000;
    public const uint Errno = 0x00050000;
    public const uint Notify = 0x7fc00000;
    public const uint Trace = 0x7ff00000;
    public const uint Log = 0x7ffc0000;
    public const uint Allow = 0x7fff0000;

    public const uint LogFlag = 1 << 1;
    public const uint SpecAllowFlag = 1 << 2;
    public const uint NewListenerFlag = 1 << 3;
    public const uint WaitKillableFlag = 1 << 5;

    public const uint X86_64 = 0xc000003e;
    public const uint X32 = 0x4000003e;

    private static readonly (string Name, uint Value)[] Actions =
    [
        ("SCMP_ACT_ALLOW", Allow), ("SCMP_ACT_ERRNO", Errno), ("SCMP_ACT_KILL", KillThread), ("SCMP_ACT_KILL_PROCESS", KillProcess),
        ("SCMP_ACT_KILL_THREAD", KillThread), ("SCMP_ACT_LOG", Log), ("SCMP_ACT_NOTIFY", Notify), ("SCMP_ACT_TRACE", Trace), ("SCMP_ACT_TRAP", Trap),
    ];

    private static readonly (string Name, uint Value)[] Operators =
    [
        ("SCMP_CMP_EQ", 4), ("SCMP_CMP_GE", 5), ("SCMP_CMP_GT", 6), ("SCMP_CMP_LE", 3), ("SCMP_CMP_LT", 2), ("SCMP_CMP_MASKED_EQ", 7), ("SCMP_CMP_NE", 1),
    ];

    /// <summary>AUDIT_ARCH_… of linux/audit.h; x32 alone is libseccomp's own invention.</summary>
    private static readonly (string Name, uint Value)[] Architectures =
    [
        ("SCMP_ARCH_AARCH64", 0xc00000b7), ("SCMP_ARCH_ARM", 0x40000028), ("SCMP_ARCH_MIPS", 0x8), ("SCMP_ARCH_MIPS64", 0x80000008),
        ("SCMP_ARCH_MIPS64N32", 0xa0000008), ("SCMP_ARCH_MIPSEL", 0x40000008), ("SCMP_ARCH_MIPSEL64", 0xc0000008),
        ("SCMP_ARCH_MIPSEL64N32", 0xe0000008), ("SCMP_ARCH_PPC", 0x14), ("SCMP_ARCH_PPC64", 0x80000015), ("SCMP_ARCH_PPC64LE", 0xc0000015),
        ("SCMP_ARCH_RISCV64", 0xc00000f3), ("SCMP_ARCH_S390", 0x16), ("SCMP_ARCH_S390X", 0x80000016), ("SCMP_ARCH_X32", X32),
        ("SCMP_ARCH_X86", 0x40000003), ("SCMP_ARCH_X86_64", X86_64),
    ];

    /// <summary>TSYNC is known and means nothing: the process that installs the filter has one thread.</summary>
    private static readonly (string Name, uint Value)[] Flags =
    [
        ("SECCOMP_FILTER_FLAG_TSYNC", 0), ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", SpecAllowFlag), ("SECCOMP_FILTER_FLAG_LOG", LogFlag),
        ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", WaitKillableFlag),
    ];

    public static string[] KnownActions => Names(Actions);

    public static string[] KnownOperators => Names(Operators);

    public static string[] KnownArchitectures => Names(Architectures);

    public static string[] KnownFlags => Names(Flags);

    /// <summary>What this kernel knows of <see cref="KnownFlags"/>.</summary>
    public static string[] SupportedFlags => Names(Array.FindAll(Flags, f => IsSupported(f.Value)));

    public static uint Action(string? name) => Find(Actions, name) ?? throw new RuncException($"string {name} is not a valid action for seccomp");

    public static int Operator(string? name) => (int)(Find(Operators, name) ?? throw new RuncException($"string {name} is not a valid operator for seccomp"));

    public static uint Architecture(string? name) => Find(Architectures, name) ?? throw new RuncException($"string {name} is not a valid arch for seccomp");

    public static uint Flag(string? name)
    {
        uint flag = Find(Flags, name) ?? throw new RuncException($"seccomp flag {name} is not known to runc");
        return IsSupported(flag) ? flag : throw new RuncException($"seccomp flag {name} is not supported by the kernel");
    }

    // Only a listener can be waited for, so the kernel takes the one flag with the other alone.
    public static bool IsSupported(uint flag) => Sys.KnowsSeccompFlags(flag == WaitKillableFlag ? WaitKillableFlag | NewListenerFlag : flag);

    private static string[] Names((string Name, uint Value)[] table) => Array.ConvertAll(table, t => t.Name);

    private static uint? Find((string Name, uint Value)[] table, string? name)
    {
        foreach ((string known, uint value) in table)
        {
            if (known == name)
                return value;
        }
        return null;
    }
}
