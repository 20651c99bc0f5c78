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

    // union bpf_attr, the part of BPF_PROG_ATTACH.
    [StructLayout(LayoutKind.Sequential)]
    private struct BpfAttach
    {
        public int Target;
        public int Program;
        public uint Type;
        public uint Flags;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static unsafe partial long syscall_bpf(long number, nint command, void* attr, nint size);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int close_bpf(int fd);

    /// <summary>Loads a device program (<c>man 2 bpf</c>, BPF_PROG_TYPE_CGROUP_DEVICE) and attaches it to a cgroup2 directory.</summary>
    /// <exception cref="LinuxException">The kernel refused the program, or has no such programs.</exception>
    public static unsafe void AttachDeviceProgram(string cgroup, ReadOnlySpan<byte> instructions)
    {
        using SafeFileHandle directory = Open(cgroup, OpenFlags.ReadOnly | OpenFlags.Directory);
        int program;
        ReadOnlySpan<byte> license = "Apache\0"u8;
        // SAFETY: program and licence are pinned for the call; an instruction is eight bytes.
        fixed (byte* code = instructions)
        fixed (byte* text = license)
        {
            var load = new BpfLoad { Type = BPF_PROG_TYPE_CGROUP_DEVICE, Instructions = (uint)instructions.Length / 8, Program = (ulong)code, License = (ulong)text };
            program = (int)LinuxException.Check(syscall_bpf(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(BpfLoad)), "bpf(BPF_PROG_LOAD)", cgroup);
        }
        try
        {
            var attach = new BpfAttach { Target = (int)directory.DangerousGetHandle(), Program = program, Type = BPF_CGROUP_DEVICE, Flags = BPF_F_ALLOW_MULTI };
            LinuxException.Check(syscall_bpf(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(BpfAttach)), "bpf(BPF_PROG_ATTACH)", cgroup);
        }
        finally
        {
            close_bpf(program);
        }
    }
}
