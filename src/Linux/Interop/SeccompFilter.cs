using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Linux;

/// <summary>One condition on an argument of a system call; struct scmp_arg_cmp of seccomp.h.</summary>
/// <param name="Index">Which argument, from 0.</param>
/// <param name="Operator">enum scmp_compare.</param>
/// <param name="A">The value; of SCMP_CMP_MASKED_EQ the mask.</param>
/// <param name="B">Of SCMP_CMP_MASKED_EQ the value.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct SeccompCondition(uint Index, int Operator, ulong A, ulong B);

/// <summary>libseccomp: rules in, a BPF program out. Nothing is installed here.</summary>
public sealed unsafe partial class SeccompFilter : IDisposable
{
    private const int AttributeOptimize = 8;

    [StructLayout(LayoutKind.Sequential)]
    private struct VersionNumbers
    {
        public uint Major, Minor, Micro;
    }

    [LibraryImport("seccomp", EntryPoint = "seccomp_version")]
    private static partial VersionNumbers* seccomp_version();

    [LibraryImport("seccomp", EntryPoint = "seccomp_init")]
    private static partial nint seccomp_init(uint defaultAction);

    [LibraryImport("seccomp", EntryPoint = "seccomp_release")]
    private static partial void seccomp_release(nint context);

    [LibraryImport("seccomp", EntryPoint = "seccomp_arch_native")]
    private static partial uint seccomp_arch_native();

    [LibraryImport("seccomp", EntryPoint = "seccomp_arch_add")]
    private static partial int seccomp_arch_add(nint context, uint architecture);

    [LibraryImport("seccomp", EntryPoint = "seccomp_attr_set")]
    private static partial int seccomp_attr_set(nint context, int attribute, uint value);

    [LibraryImport("seccomp", EntryPoint = "seccomp_rule_add_array")]
    private static partial int seccomp_rule_add_array(nint context, uint action, int call, uint count, SeccompCondition* conditions);

    [LibraryImport("seccomp", EntryPoint = "seccomp_export_bpf")]
    private static partial int seccomp_export_bpf(nint context, int fd);

    [LibraryImport("seccomp", EntryPoint = "seccomp_syscall_resolve_name", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int seccomp_syscall_resolve_name(string name);

    [LibraryImport("seccomp", EntryPoint = "seccomp_syscall_resolve_name_arch", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int seccomp_syscall_resolve_name_arch(uint architecture, string name);

    private nint _context;

    /// <summary>An empty filter.</summary>
    /// <exception cref="LinuxException">EINVAL: the action is none, or this kernel does not know it.</exception>
    public SeccompFilter(uint defaultAction)
    {
        _context = seccomp_init(defaultAction);
        if (_context == 0)
            throw new LinuxException("seccomp_init", "", Errno.EINVAL);
    }

    /// <summary>The version of the linked libseccomp.</summary>
    public static string Version
    {
        get
        {
            VersionNumbers* v = seccomp_version();
            // Not interpolated: every `runc --version` would pay for the start of the buffers' pool.
            return string.Concat(Text(v->Major), ".", Text(v->Minor) + "." + Text(v->Micro));

            static string Text(uint number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    /// <summary>SCMP_ARCH_… of this machine; every filter has it.</summary>
    public static uint NativeArchitecture => seccomp_arch_native();

    /// <summary>A system call's number here, negative (but not -1) where only another architecture has it; null for no such name.</summary>
    public static int? Resolve(string name) => Known(seccomp_syscall_resolve_name(name));

    /// <summary>The same, of an architecture.</summary>
    public static int? Resolve(uint architecture, string name) => Known(seccomp_syscall_resolve_name_arch(architecture, name));

    /// <summary>Covers a further architecture; one that it covers already is no error.</summary>
    public Errno AddArchitecture(uint architecture)
    {
        Errno error = ToErrno(seccomp_arch_add(_context, architecture));
        return error == Errno.EEXIST ? Errno.None : error;
    }

    /// <summary>Sorts system calls into a binary tree instead of by priority: faster for long lists.</summary>
    public Errno OptimizeAsTree() => ToErrno(seccomp_attr_set(_context, AttributeOptimize, 2));

    /// <summary>Adds a rule for a call that meets all conditions.</summary>
    public Errno AddRule(uint action, int call, ReadOnlySpan<SeccompCondition> conditions)
    {
        // SAFETY: the conditions are pinned for the call, with their number.
        fixed (SeccompCondition* c = conditions)
            return ToErrno(seccomp_rule_add_array(_context, action, call, (uint)conditions.Length, c));
    }

    /// <summary>The program: struct sock_filter after struct sock_filter.</summary>
    /// <exception cref="LinuxException">It can't be made.</exception>
    public byte[] Export()
    {
        using SafeFileHandle file = Sys.MemFd("seccomp");
        Errno error = ToErrno(seccomp_export_bpf(_context, (int)file.DangerousGetHandle()));
        if (error != Errno.None)
            throw new LinuxException("seccomp_export_bpf", "", error);
        byte[] program = new byte[RandomAccess.GetLength(file)];
        int used = 0;
        while (used < program.Length)
        {
            int n = RandomAccess.Read(file, program.AsSpan(used), used);
            if (n == 0)
                throw new LinuxException("seccomp_export_bpf", "", Errno.EIO);
            used += n;
        }
        return program;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_context != 0)
            seccomp_release(_context);
        _context = 0;
    }

    private static int? Known(int number) => number == -1 ? null : number;

    private static Errno ToErrno(int result) => result < 0 ? (Errno)(-result) : Errno.None;
}
