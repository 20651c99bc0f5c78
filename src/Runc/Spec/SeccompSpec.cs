#pragma warning disable CS1591 // the members are the runtime-spec's own (config-linux.md, "Seccomp"), and are explained there

namespace AotRuntime.Runc.Spec;

/// <summary><c>linux.seccomp</c>.</summary>
public sealed class SeccompSpec
{
    public string? DefaultAction { get; set; }
    public uint? DefaultErrnoRet { get; set; }
    public List<string>? Architectures { get; set; }
    public List<string>? Flags { get; set; }
    public string? ListenerPath { get; set; }
    public string? ListenerMetadata { get; set; }
    public List<SeccompSyscallSpec>? Syscalls { get; set; }
}

public sealed class SeccompSyscallSpec
{
    public List<string>? Names { get; set; }
    public string? Action { get; set; }
    public uint? ErrnoRet { get; set; }
    public List<SeccompArgumentSpec>? Args { get; set; }
}

public sealed class SeccompArgumentSpec
{
    public uint Index { get; set; }
    public ulong Value { get; set; }
    public ulong ValueTwo { get; set; }
    public string? Op { get; set; }
}
