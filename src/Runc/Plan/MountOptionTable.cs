namespace AotRuntime.Runc.Plan;

/// <summary>A mount's options, sorted by how they are applied.</summary>
internal sealed class MountFlags
{
    public ulong Flags;
    public ulong Cleared;
    public ulong RecursiveSet;
    public ulong RecursiveClear;
    public bool CopyUp;
    public bool IdMap;
    public bool IdMapRecursive;
    public List<ulong> Propagation = [];
    public string Data = "";
}

/// <summary>The options of config-linux.md, "Linux mount options", and runc's own.</summary>
internal static class MountOptionTable
{
#pragma warning disable CS1591 // the names are mount(2)'s
    public const ulong MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_SYNCHRONOUS = 16, MS_REMOUNT = 32,
        MS_MANDLOCK = 64, MS_DIRSYNC = 128, MS_NOSYMFOLLOW = 256, MS_NOATIME = 1024, MS_NODIRATIME = 2048, MS_BIND = 4096,
        MS_REC = 16384, MS_SILENT = 32768, MS_UNBINDABLE = 1 << 17, MS_PRIVATE = 1 << 18, MS_SLAVE = 1 << 19,
        MS_SHARED = 1 << 20, MS_RELATIME = 1 << 21, MS_I_VERSION = 1 << 23, MS_STRICTATIME = 1 << 24, MS_LAZYTIME = 1 << 25;
#pragma warning restore CS1591

    private const ulong AttrReadOnly = 1, AttrNoSuid = 2, AttrNoDev = 4, AttrNoExec = 8, AttrAtime = 0x70, AttrNoAtime = 0x10,
        AttrStrictAtime = 0x20, AttrNoDirAtime = 0x80, AttrNoSymFollow = 0x200000;

    /// <summary>All names, in the order of <c>features</c>.</summary>
    public static readonly string[] Known =
    [
        "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion", "lazytime", "loud", "mand",
        "noatime", "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime",
        "nosuid", "nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "remount", "rexec", "rnoatime",
        "rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate",
        "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared",
        "silent", "slave", "strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable",
    ];

    /// <summary>Sorts the options; what is none of the table's is the file system's own.</summary>
    public static MountFlags Parse(IReadOnlyList<string>? options)
    {
        var m = new MountFlags();
        for (int i = 0; i < (options?.Count ?? 0); i++)
        {
            string option = options![i];
            if (Flag(option) is { } flag)
            {
                m.Flags = flag.Clear ? m.Flags & ~flag.Bits : m.Flags | flag.Bits;
                m.Cleared = flag.Clear ? m.Cleared | flag.Bits : m.Cleared & ~flag.Bits;
            }
            else if (PropagationFlag(option) is { } propagation)
            {
                m.Propagation.Add(propagation);
            }
            else if (Recursive(option) is { } attr)
            {
                if (attr.Clear)
                {
                    m.RecursiveClear |= attr.Bits;
                }
                else
                {
                    m.RecursiveSet |= attr.Bits;
                    // "The atime value is an enum": the kernel wants its whole mask cleared before a new one is set.
                    if ((attr.Bits & AttrAtime) != 0 || option is "rrelatime")
                        m.RecursiveClear |= AttrAtime;
                }
            }
            else if (option == "tmpcopyup")
            {
                m.CopyUp = true;
            }
            else if (option is "idmap" or "ridmap")
            {
                m.IdMap = true;
                m.IdMapRecursive = option == "ridmap";
            }
            else
            {
                m.Data = m.Data.Length == 0 ? option : m.Data + "," + option;
            }
        }
        return m;
    }

    /// <summary>The flags of a propagation's name; null for what is none.</summary>
    public static ulong? PropagationFlag(string name) => name switch
    {
        "private" => MS_PRIVATE,
        "rprivate" => MS_PRIVATE | MS_REC,
        "slave" => MS_SLAVE,
        "rslave" => MS_SLAVE | MS_REC,
        "shared" => MS_SHARED,
        "rshared" => MS_SHARED | MS_REC,
        "unbindable" => MS_UNBINDABLE,
        "runbindable" => MS_UNBINDABLE | MS_REC,
        _ => null,
    };

    private static (ulong Bits, bool Clear)? Flag(string option) => option switch
    {
        "async" => (MS_SYNCHRONOUS, true),
        "atime" => (MS_NOATIME, true),
        "bind" => (MS_BIND, false),
        "defaults" => (0, false),
        "dev" => (MS_NODEV, true),
        "diratime" => (MS_NODIRATIME, true),
        "dirsync" => (MS_DIRSYNC, false),
        "exec" => (MS_NOEXEC, true),
        "iversion" => (MS_I_VERSION, false),
        "lazytime" => (MS_LAZYTIME, false),
        "loud" => (MS_SILENT, true),
        "mand" => (MS_MANDLOCK, false),
        "noatime" => (MS_NOATIME, false),
        "nodev" => (MS_NODEV, false),
        "nodiratime" => (MS_NODIRATIME, false),
        "noexec" => (MS_NOEXEC, false),
        "noiversion" => (MS_I_VERSION, true),
        "nolazytime" => (MS_LAZYTIME, true),
        "nomand" => (MS_MANDLOCK, true),
        "norelatime" => (MS_RELATIME, true),
        "nostrictatime" => (MS_STRICTATIME, true),
        "nosuid" => (MS_NOSUID, false),
        "nosymfollow" => (MS_NOSYMFOLLOW, false),
        "rbind" => (MS_BIND | MS_REC, false),
        "relatime" => (MS_RELATIME, false),
        "remount" => (MS_REMOUNT, false),
        "ro" => (MS_RDONLY, false),
        "rw" => (MS_RDONLY, true),
        "silent" => (MS_SILENT, false),
        "strictatime" => (MS_STRICTATIME, false),
        "suid" => (MS_NOSUID, true),
        "symfollow" => (MS_NOSYMFOLLOW, true),
        "sync" => (MS_SYNCHRONOUS, false),
        _ => null,
    };

    private static (ulong Bits, bool Clear)? Recursive(string option) => option switch
    {
        "rro" => (AttrReadOnly, false),
        "rrw" => (AttrReadOnly, true),
        "rnosuid" => (AttrNoSuid, false),
        "rsuid" => (AttrNoSuid, true),
        "rnodev" => (AttrNoDev, false),
        "rdev" => (AttrNoDev, true),
        "rnoexec" => (AttrNoExec, false),
        "rexec" => (AttrNoExec, true),
        "rnodiratime" => (AttrNoDirAtime, false),
        "rdiratime" => (AttrNoDirAtime, true),
        "rrelatime" => (0, false),
        "rnorelatime" or "ratime" or "rnostrictatime" => (AttrAtime, true),
        "rnoatime" => (AttrNoAtime, false),
        "rstrictatime" => (AttrStrictAtime, false),
        "rnosymfollow" => (AttrNoSymFollow, false),
        "rsymfollow" => (AttrNoSymFollow, true),
        _ => null,
    };
}
