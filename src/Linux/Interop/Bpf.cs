using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

public static partial class Sys
{
    private const long SYS_bpf = 321;
    private const int BPF_PROG_LOAD = 5;
    private const int BPF_PROG_ATTACH = 8;
    private const uint BPF_PROG_TYPE_CGROUP_DEVICE = 15;
    private const uint BPF_CGROUP_DEVICE = 6;
    private const uint BPF_F_ALLOW_MULTI = 2;
    private const uint BPF_F_REPLACE = 4;
    private const int BPF_PROG_DETACH = 9;
    private const int BPF_PROG_GET_FD_BY_ID = 13;
    private const int BPF_PROG_QUERY = 16;

    // union bpf_attr, the part of BPF_PROG_LOAD that is used.
    [StructLayout(LayoutKind.Sequential)]
    private struct BpfLoad
    {
        public uint Type;
        public uint Instructions;
        public ulong Program;
        public ulong License;
        public uint LogLevel;
        public uint LogSize;
        public ulong Log;
        public uint KernelVersion;
        public uint Flags;
    }

    // union bpf_attr, the part of BPF_PROG_QUERY.
    [StructLayout(LayoutKind.Sequential)]
    private struct BpfQuery
    {
        public int Target;
        public uint Type;
        public uint QueryFlags;
        public uint AttachFlags;
        public ulong Ids;
        public uint Count;
    }

    // union bpf_attr, the part of BPF_PROG_GET_FD_BY_ID.
    [StructLayout(LayoutKind.Sequential)]
    private struct BpfId
    {
        public uint Id;
        public uint Next;
        public uint OpenFlags;
    }

    // union bpf_attr, the part of BPF_PROG_ATTACH and BPF_PROG_DETACH.
    [StructLayout(LayoutKind.Sequential)]
    private struct BpfAttach
    {
        public int Target;
        public int Program;
        public uint Type;
        public uint Flags;
        public int Replaced;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static unsafe partial long syscall_bpf(long number, nint command, void* attr, nint size);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int close_bpf(int fd);

    /// <summary>
    /// Loads a device program (<c>man 2 bpf</c>, BPF_PROG_TYPE_CGROUP_DEVICE) and attaches it to a cgroup2 directory in place of those that are
    /// there: all that are attached must allow an access, so an old one would go on denying. At no moment is there none.
    /// </summary>
    /// <exception cref="LinuxException">The kernel refused the program, or has no such programs.</exception>
    public static unsafe void AttachDeviceProgram(string cgroup, ReadOnlySpan<byte> instructions)
    {
        using SafeFileHandle directory = Open(cgroup, OpenFlags.ReadOnly | OpenFlags.Directory);
        int target = (int)directory.DangerousGetHandle();
        int program;
        ReadOnlySpan<byte> license = "Apache\0"u8;
        // SAFETY: program and licence are pinned for the call; an instruction is eight bytes.
        fixed (byte* code = instructions)
        fixed (byte* text = license)
        {
            var load = new BpfLoad { Type = BPF_PROG_TYPE_CGROUP_DEVICE, Instructions = (uint)instructions.Length / 8, Program = (ulong)code, License = (ulong)text };
            program = (int)LinuxException.Check(Bpf(BPF_PROG_LOAD, &load, sizeof(BpfLoad)), "bpf(BPF_PROG_LOAD)", cgroup);
        }
        List<int> old = DevicePrograms(target);
        try
        {
            var attach = new BpfAttach { Target = target, Program = program, Type = BPF_CGROUP_DEVICE, Flags = BPF_F_ALLOW_MULTI };
            if (old.Count == 1)
            {
                attach.Flags |= BPF_F_REPLACE;
                attach.Replaced = old[0];
            }
            long attached = Bpf(BPF_PROG_ATTACH, &attach, sizeof(BpfAttach));
            // One that was attached alone (by systemd before it delegated) can't be replaced that way.
            if (attached < 0 && old.Count == 1)
            {
                attach.Flags = BPF_F_ALLOW_MULTI;
                attach.Replaced = 0;
                attached = Bpf(BPF_PROG_ATTACH, &attach, sizeof(BpfAttach));
            }
            else if (old.Count == 1)
            {
                return;
            }
            LinuxException.Check(attached, "bpf(BPF_PROG_ATTACH)", cgroup);
            foreach (int one in old)
            {
                var detach = new BpfAttach { Target = target, Program = one, Type = BPF_CGROUP_DEVICE };
                Bpf(BPF_PROG_DETACH, &detach, sizeof(BpfAttach));
            }
        }
        finally
        {
            close_bpf(program);
            foreach (int one in old)
                close_bpf(one);
        }
    }

    // Descriptors of the programs that are attached here; none where the kernel does not tell.
    private static unsafe List<int> DevicePrograms(int cgroup)
    {
        const int most = 64; // the kernel's own limit, BPF_CGROUP_MAX_PROGS
        var programs = new List<int>();
        uint* ids = stackalloc uint[most];
        var query = new BpfQuery { Target = cgroup, Type = BPF_CGROUP_DEVICE, Ids = (ulong)ids, Count = most };
        if (Bpf(BPF_PROG_QUERY, &query, sizeof(BpfQuery)) < 0)
            return programs;
        for (uint i = 0; i < Math.Min(query.Count, most); i++)
        {
            var id = new BpfId { Id = ids[i] };
            int fd = (int)Bpf(BPF_PROG_GET_FD_BY_ID, &id, sizeof(BpfId));
            if (fd >= 0)
                programs.Add(fd);
        }
        return programs;
    }

    // SAFETY: the attribute is a local of the caller with its own size, and lives through the call. A verifier that a signal interrupts says EAGAIN.
    private static unsafe long Bpf(int command, void* attribute, int size)
    {
        long result;
        int tries = 0;
        while ((result = syscall_bpf(SYS_bpf, command, attribute, size)) < 0 && command == BPF_PROG_LOAD
            && LinuxException.Last("bpf").Errno == Errno.EAGAIN && tries++ < 30)
            continue;
        return result;
    }
}
