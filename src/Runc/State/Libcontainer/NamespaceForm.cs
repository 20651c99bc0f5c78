namespace AotRuntime.Runc.State.Libcontainer;

/// <summary>The spec's names of namespaces, and runc's.</summary>
internal static class NamespaceForm
{
    /// <summary>The spec's, runc's, and that of the file in /proc/PID/ns.</summary>
    public static readonly (string Spec, string Runc, string File)[] All =
    [
        ("cgroup", "NEWCGROUP", "cgroup"), ("ipc", "NEWIPC", "ipc"), ("mount", "NEWNS", "mnt"), ("network", "NEWNET", "net"),
        ("pid", "NEWPID", "pid"), ("time", "NEWTIME", "time"), ("user", "NEWUSER", "user"), ("uts", "NEWUTS", "uts"),
    ];

    public static string ToRunc(string spec) => Array.Find(All, n => n.Spec == spec).Runc;

    /// <exception cref="RuncException">There is no such namespace.</exception>
    public static string ToSpec(string runc) =>
        Array.Find(All, n => n.Runc == runc).Spec ?? throw new RuncException($"state.json: there is no namespace {runc}");
}
