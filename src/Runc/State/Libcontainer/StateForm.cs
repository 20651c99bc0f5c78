using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Resctrl;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.State.Libcontainer;

/// <summary>What runc has written of a container of its own, as this program keeps it.</summary>
internal static class StateForm
{
    private const string BundleLabel = "bundle=";
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <exception cref="RuncException">It is not what runc writes.</exception>
    public static ContainerState ToState(LibcontainerState theirs)
    {
        if (theirs.Config is not { } config || theirs.Id.Length == 0)
            throw new RuncException("state.json: there is no configuration in it");
        var state = new ContainerState
        {
            OciVersion = config.Version,
            Id = theirs.Id,
            Pid = Math.Max(theirs.Pid, 0),
            StartTime = theirs.StartTime,
            Created = theirs.Created,
            Rootfs = config.Rootfs,
            SystemdUnit = config.Cgroups is { Systemd: true } cgroup ? Unit(cgroup) : null,
            RootlessCgroups = config.RootlessCgroups,
            NoNewKeyring = config.NoNewKeyring,
            Descriptors = theirs.Descriptors,
            Profile = config.Seccomp is null ? null : SeccompForm.ToSpec(config.Seccomp),
            Resctrl = string.IsNullOrEmpty(theirs.IntelRdtPath) ? null : new ResctrlState
            {
                Path = theirs.IntelRdtPath,
                Monitor = string.IsNullOrEmpty(theirs.IntelRdtMonPath) ? null : theirs.IntelRdtMonPath,
                // A class of the container's own is named after it; what has another name may be others' too.
                Made = Path.GetFileName(theirs.IntelRdtPath) == theirs.Id ? theirs.IntelRdtPath : null,
            },
            Defaults = Defaults(config),
            Personality = config.Personality is null ? null : new PersonalitySpec { Domain = config.Personality.Domain == 0 ? "LINUX" : "LINUX32" },
            Poststart = config.Hooks?.Poststart?.ConvertAll(Hook),
            Poststop = config.Hooks?.Poststop?.ConvertAll(Hook),
        };
        foreach (string label in config.Labels ?? [])
        {
            int equals = label.IndexOf('=', StringComparison.Ordinal);
            if (label.StartsWith(BundleLabel, StringComparison.Ordinal))
                state.Bundle = label[BundleLabel.Length..];
            else if (equals > 0)
                (state.Annotations ??= [])[label[..equals]] = label[(equals + 1)..];
        }
        foreach ((string controller, string path) in theirs.CgroupPaths ?? [])
        {
            state.Cgroups[controller] = path;
            if (!state.CgroupsMade.Contains(path))
                state.CgroupsMade.Add(path);
        }
        foreach (LibcontainerNamespace ns in config.Namespaces ?? [])
        {
            state.Namespaces.Add(NamespaceForm.ToSpec(ns.Type));
            state.OwnPidNamespace |= ns.Type == "NEWPID" && ns.Path.Length == 0;
        }
        return state;
    }

    private static string Unit(LibcontainerCgroup cgroup) =>
        cgroup.Name?.EndsWith(".slice", StringComparison.Ordinal) == true ? cgroup.Name : $"{cgroup.ScopePrefix}-{cgroup.Name}.scope";

    private static ProcessSpec Defaults(LibcontainerConfig config) => new()
    {
        User = new UserSpec { Umask = config.Umask },
        Capabilities = config.Capabilities is not { } c ? null : new CapabilitiesSpec
        {
            Bounding = c.Bounding,
            Effective = c.Effective,
            Inheritable = c.Inheritable,
            Permitted = c.Permitted,
            Ambient = c.Ambient,
        },
        Rlimits = config.Rlimits?.ConvertAll(r => new RlimitSpec { Type = RlimitNames.Name(r.Type), Hard = r.Hard, Soft = r.Soft }),
        OomScoreAdj = config.OomScoreAdj,
        ApparmorProfile = config.ApparmorProfile,
        SelinuxLabel = config.ProcessLabel,
        Scheduler = config.Scheduler,
        IoPriority = config.IoPriority,
    };

    private static HookSpec Hook(LibcontainerHook h) => new()
    {
        Path = h.Path,
        Args = h.Args,
        Env = h.Env,
        Timeout = h.Timeout is { } timeout ? (int)Math.Clamp(timeout / NanosecondsPerSecond, 1, int.MaxValue) : null,
    };
}
