using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.State.Libcontainer;

/// <summary>A seccomp profile between the spec's form and that of runc's state: actions and operators by number, one entry a system call.</summary>
internal static class SeccompForm
{
    /// <summary>The position, from 1, is runc's number.</summary>
    private static readonly string[] s_actions =
    [
        "SCMP_ACT_KILL", "SCMP_ACT_ERRNO", "SCMP_ACT_TRAP", "SCMP_ACT_ALLOW", "SCMP_ACT_TRACE", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY",
        "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS",
    ];

    private static readonly string[] s_operators =
    [
        "SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_GT", "SCMP_CMP_GE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_MASKED_EQ",
    ];

    private const string ArchitecturePrefix = "SCMP_ARCH_";

    /// <exception cref="RuncException">It names something that there is not; only a profile that was never compiled does.</exception>
    public static LibcontainerSeccomp From(SeccompSpec spec)
    {
        var syscalls = new List<LibcontainerSyscall>();
        foreach (SeccompSyscallSpec rule in spec.Syscalls ?? [])
        {
            List<LibcontainerArgument> arguments = [];
            foreach (SeccompArgumentSpec a in rule.Args ?? [])
                arguments.Add(new() { Index = a.Index, Value = a.Value, ValueTwo = a.ValueTwo, Op = Number(s_operators, a.Op) });
            foreach (string name in rule.Names ?? [])
                syscalls.Add(new() { Name = name, Action = Number(s_actions, rule.Action), ErrnoRet = rule.ErrnoRet, Args = arguments });
        }
        return new LibcontainerSeccomp
        {
            DefaultAction = Number(s_actions, spec.DefaultAction),
            DefaultErrnoRet = spec.DefaultErrnoRet,
            Architectures = spec.Architectures?.ConvertAll(Architecture),
            Flags = spec.Flags,
            Syscalls = syscalls,
            ListenerPath = spec.ListenerPath,
            ListenerMetadata = spec.ListenerMetadata,
        };
    }

    /// <exception cref="RuncException">It holds a number that means nothing.</exception>
    public static SeccompSpec ToSpec(LibcontainerSeccomp profile)
    {
        var spec = new SeccompSpec
        {
            DefaultAction = Name(s_actions, profile.DefaultAction),
            DefaultErrnoRet = profile.DefaultErrnoRet,
            Architectures = profile.Architectures?.ConvertAll(a => a == "amd64" ? "SCMP_ARCH_X86_64" : a == "arm64" ? "SCMP_ARCH_AARCH64" : ArchitecturePrefix + a.ToUpperInvariant()),
            Flags = profile.Flags,
            ListenerPath = profile.ListenerPath,
            ListenerMetadata = profile.ListenerMetadata,
            Syscalls = [],
        };
        foreach (LibcontainerSyscall syscall in profile.Syscalls ?? [])
        {
            List<SeccompArgumentSpec> arguments = [];
            foreach (LibcontainerArgument a in syscall.Args ?? [])
                arguments.Add(new() { Index = a.Index, Value = a.Value, ValueTwo = a.ValueTwo, Op = Name(s_operators, a.Op) });
            spec.Syscalls.Add(new() { Names = [syscall.Name], Action = Name(s_actions, syscall.Action), ErrnoRet = syscall.ErrnoRet, Args = arguments });
        }
        return spec;
    }

    /// <summary>As libseccomp's Go binding names them.</summary>
    private static string Architecture(string name) => name switch
    {
        "SCMP_ARCH_X86_64" => "amd64",
        "SCMP_ARCH_AARCH64" => "arm64",
        _ when name.StartsWith(ArchitecturePrefix, StringComparison.Ordinal) => name[ArchitecturePrefix.Length..].ToLowerInvariant(),
        _ => throw new RuncException($"string {name} is not a valid arch for seccomp"),
    };

    private static int Number(string[] names, string? name)
    {
        int index = Array.IndexOf(names, name);
        return index >= 0 ? index + 1 : throw new RuncException($"string {name} is not a valid action or operator for seccomp");
    }

    private static string Name(string[] names, int number) =>
        number > 0 && number <= names.Length ? names[number - 1] : throw new RuncException($"state.json: {number} is no action or operator of seccomp");
}
