using AotRuntime.Linux;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Seccomp;

/// <summary>Turns a profile into a program, in the parent: the child has nothing left to do but install it.</summary>
internal static class SeccompCompiler
{
    private const string Init = "unable to start container process: error during container init: ";
    private const uint EPERM = 1;
    private const int Arguments = 6;

    /// <summary>libseccomp before 2.6 makes wrong trees of few rules; and only long lists gain.</summary>
    private const int TreeFrom = 33;

    private readonly record struct Rule(string Name, uint Action, List<SeccompArgumentSpec> Arguments);

    /// <summary>The program; null where the profile is empty, which means no filter.</summary>
    /// <exception cref="RuncException">The profile is wrong.</exception>
    public static SeccompProgram? Compile(SeccompSpec spec)
    {
        if (string.IsNullOrEmpty(spec.DefaultAction) && spec.Syscalls is not { Count: > 0 })
            return null;
        uint flags = FilterFlags(spec);
        List<uint> architectures = [];
        foreach (string name in spec.Architectures ?? [])
            architectures.Add(SeccompNames.Architecture(name));
        uint defaultAction = Action(spec.DefaultAction, spec.DefaultErrnoRet);
        List<Rule> rules = Rules(spec);

        bool notifies = rules.Exists(r => r.Action == SeccompNames.Notify);
        if (notifies)
        {
            flags |= SeccompNames.NewListenerFlag;
            RequireListener(spec, rules);
        }
        if (defaultAction == SeccompNames.Notify)
            throw new RuncException(Init + "SCMP_ACT_NOTIFY cannot be used as default action");

        byte[] filter = Build(rules, defaultAction, architectures);
        if (!architectures.Contains(SeccompFilter.NativeArchitecture))
            architectures.Add(SeccompFilter.NativeArchitecture);
        byte[] program = EnosysStub.Prepend(filter, spec, defaultAction, architectures);
        if (!SeccompProgram.IsPlausible(program.Length))
            throw new RuncException(Init + "error loading seccomp filter into kernel: error loading seccomp filter: invalid argument");
        return new SeccompProgram
        {
            Flags = flags,
            Instructions = program,
            ListenerPath = notifies ? spec.ListenerPath : null,
            ListenerMetadata = notifies ? spec.ListenerMetadata : null,
        };
    }

    private static uint FilterFlags(SeccompSpec spec)
    {
        // "If not set, ... SECCOMP_FILTER_FLAG_SPEC_ALLOW": the mitigation that a filter else brings costs much and gains little.
        if (spec.Flags is null)
            return SeccompNames.IsSupported(SeccompNames.SpecAllowFlag) ? SeccompNames.SpecAllowFlag : 0;
        uint flags = 0;
        foreach (string name in spec.Flags)
            flags |= SeccompNames.Flag(name);
        return flags;
    }

    private static uint Action(string? name, uint? errno)
    {
        uint action = SeccompNames.Action(name);
        return action is SeccompNames.Errno or SeccompNames.Trace ? action | (ushort)(errno ?? EPERM) : action;
    }

    private static List<Rule> Rules(SeccompSpec spec)
    {
        var rules = new List<Rule>();
        foreach (SeccompSyscallSpec call in spec.Syscalls ?? [])
        {
            uint action = Action(call.Action, call.ErrnoRet);
            foreach (SeccompArgumentSpec argument in call.Args ?? [])
                SeccompNames.Operator(argument.Op);
            foreach (string name in call.Names ?? [])
                rules.Add(new Rule(name, action, call.Args ?? []));
        }
        return rules;
    }

    private static void RequireListener(SeccompSpec spec, List<Rule> rules)
    {
        if (!SeccompNames.IsSupported(SeccompNames.NewListenerFlag))
            throw new RuncException(Init + "seccomp notify unsupported: the kernel has no SECCOMP_FILTER_FLAG_NEW_LISTENER");
        // It is by a write that the parent learns of the listener: nobody would be there to allow it.
        if (rules.Exists(r => r.Action == SeccompNames.Notify && r.Name == "write"))
            throw new RuncException(Init + "SCMP_ACT_NOTIFY cannot be used for the write syscall");
        if (string.IsNullOrEmpty(spec.ListenerPath))
            throw new RuncException("unable to start container process: seccomp listenerPath is not set");
    }

    private static byte[] Build(List<Rule> rules, uint defaultAction, List<uint> architectures)
    {
        using SeccompFilter filter = New(defaultAction);
        foreach (uint architecture in architectures)
            Require(filter.AddArchitecture(architecture), "error adding architecture to seccomp filter");
        if (rules.Count >= TreeFrom && filter.OptimizeAsTree() is var slower and not Errno.None)
            RuncLog.Debug($"seccomp binary tree optimization not available: {slower.Text()}");
        foreach (Rule rule in rules)
            Add(filter, rule, defaultAction);
        try
        {
            return filter.Export();
        }
        catch (LinuxException e)
        {
            throw new RuncException($"{Init}error loading seccomp filter into kernel: error patching filter: error exporting BPF: {e.Errno.Text()}", e);
        }
    }

    private static SeccompFilter New(uint defaultAction)
    {
        try
        {
            return new SeccompFilter(defaultAction);
        }
        catch (LinuxException e)
        {
            throw new RuncException(Init + "error creating filter: could not create filter", e);
        }
    }

    private static void Add(SeccompFilter filter, Rule rule, uint defaultAction)
    {
        if (rule.Name.Length == 0)
            throw new RuncException(Init + "empty string is not a valid syscall");
        // libseccomp refuses a rule that says what is so anyway.
        if (rule.Action == defaultAction)
            return;
        if (SeccompFilter.Resolve(rule.Name) is not { } number)
        {
            RuncLog.Debug($"unknown seccomp syscall \"{rule.Name}\" ignored");
            return;
        }
        if (rule.Arguments.Count == 0)
        {
            Require(filter.AddRule(rule.Action, number, []), $"error adding seccomp filter rule for syscall {rule.Name}");
            return;
        }
        var conditions = new SeccompCondition[rule.Arguments.Count];
        bool[] seen = new bool[Arguments];
        bool twice = false;
        for (int i = 0; i < conditions.Length; i++)
        {
            SeccompArgumentSpec a = rule.Arguments[i];
            if (a.Index >= Arguments)
                throw new RuncException($"{Init}error creating seccomp syscall condition for syscall {rule.Name}: syscalls only have up to {Arguments} arguments ({a.Index} given)");
            conditions[i] = new SeccompCondition(a.Index, SeccompNames.Operator(a.Op), a.Value, a.ValueTwo);
            twice |= seen[a.Index];
            seen[a.Index] = true;
        }
        string failure = $"error adding seccomp rule for syscall {rule.Name}";
        // libseccomp can't hold two conditions on one argument in a rule. Then each is a rule of its own, so that one suffices: as runc does it.
        if (!twice)
        {
            Require(filter.AddRule(rule.Action, number, conditions), failure);
            return;
        }
        foreach (SeccompCondition condition in conditions)
            Require(filter.AddRule(rule.Action, number, [condition]), failure);
    }

    private static void Require(Errno error, string what)
    {
        if (error != Errno.None)
            throw new RuncException($"{Init}{what}: {error.Text()}");
    }
}
