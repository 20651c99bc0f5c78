namespace AotRuntime.Linux;

/// <summary>The text options of a mount (<c>man 8 mount</c>), sorted into what mount(2) takes as flags and as data.</summary>
public sealed class MountOptions
{
#pragma warning disable CS1591 // the names are mount(2)'s own
    public const ulong MS_RDONLY = 1;
    public const ulong MS_NOSUID = 2;
    public const ulong MS_NODEV = 4;
    public const ulong MS_NOEXEC = 8;
    public const ulong MS_SYNCHRONOUS = 16;
    public const ulong MS_REMOUNT = 32;
    public const ulong MS_MANDLOCK = 64;
    public const ulong MS_DIRSYNC = 128;
    public const ulong MS_NOATIME = 1024;
    public const ulong MS_NODIRATIME = 2048;
    public const ulong MS_BIND = 4096;
    public const ulong MS_REC = 16384;
    public const ulong MS_SILENT = 32768;
    public const ulong MS_UNBINDABLE = 1 << 17;
    public const ulong MS_PRIVATE = 1 << 18;
    public const ulong MS_SLAVE = 1 << 19;
    public const ulong MS_SHARED = 1 << 20;
    public const ulong MS_RELATIME = 1 << 21;
    public const ulong MS_STRICTATIME = 1 << 24;
    public const ulong MS_LAZYTIME = 1 << 25;
#pragma warning restore CS1591

    /// <summary>All that changes how mounts spread between namespaces.</summary>
    public const ulong Propagation = MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED;

    private MountOptions(ulong flags, string data)
    {
        Flags = flags;
        Data = data;
    }

    /// <summary>MS_… flags.</summary>
    public ulong Flags { get; }

    /// <summary>What the file system itself reads, with commas.</summary>
    public string Data { get; }

    /// <summary>Sorts options; a word that is no flag is the file system's, and the last of two that contradict each other counts.</summary>
    public static MountOptions Parse(IEnumerable<string> options)
    {
        ulong flags = 0;
        var data = new List<string>();
        foreach (string option in options)
        {
            if (!TryFlag(option, out ulong flag, out bool clear))
                data.Add(option);
            else if (clear)
                flags &= ~flag;
            else
                flags |= flag;
        }
        return new MountOptions(flags, string.Join(',', data));
    }

    /// <summary>The flag that an option means, and whether the option takes it away.</summary>
    public static bool TryFlag(string option, out ulong flag, out bool clear)
    {
        (ulong Flag, bool Clear)? known = option switch
        {
            "async" => (MS_SYNCHRONOUS, true),
            "atime" => (MS_NOATIME, true),
            "bind" => (MS_BIND, false),
            "defaults" => (0UL, false),
            "dev" => (MS_NODEV, true),
            "diratime" => (MS_NODIRATIME, true),
            "dirsync" => (MS_DIRSYNC, false),
            "exec" => (MS_NOEXEC, true),
            "lazytime" => (MS_LAZYTIME, false),
            "mand" => (MS_MANDLOCK, false),
            "noatime" => (MS_NOATIME, false),
            "nodev" => (MS_NODEV, false),
            "nodiratime" => (MS_NODIRATIME, false),
            "noexec" => (MS_NOEXEC, false),
            "nolazytime" => (MS_LAZYTIME, true),
            "nomand" => (MS_MANDLOCK, true),
            "norelatime" => (MS_RELATIME, true),
            "nostrictatime" => (MS_STRICTATIME, true),
            "nosuid" => (MS_NOSUID, false),
            "private" => (MS_PRIVATE, false),
            "rbind" => (MS_BIND | MS_REC, false),
            "relatime" => (MS_RELATIME, false),
            "remount" => (MS_REMOUNT, false),
            "ro" => (MS_RDONLY, false),
            "rprivate" => (MS_PRIVATE | MS_REC, false),
            "rshared" => (MS_SHARED | MS_REC, false),
            "rslave" => (MS_SLAVE | MS_REC, false),
            "runbindable" => (MS_UNBINDABLE | MS_REC, false),
            "rw" => (MS_RDONLY, true),
            "shared" => (MS_SHARED, false),
            "slave" => (MS_SLAVE, false),
            "strictatime" => (MS_STRICTATIME, false),
            "suid" => (MS_NOSUID, true),
            "sync" => (MS_SYNCHRONOUS, false),
            "unbindable" => (MS_UNBINDABLE, false),
            _ => null,
        };
        (flag, clear) = known ?? (0, false);
        return known is not null;
    }
}
