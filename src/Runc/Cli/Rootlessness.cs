using AotRuntime.Linux;

namespace AotRuntime.Runc.Cli;

/// <summary>Whether the caller is a user without the rights of the machine's root.</summary>
internal static class Rootlessness
{
    /// <summary>Whether cgroups may well be out of reach: not root, or root of a user namespace alone.</summary>
    public static bool Detect() => Sys.EffectiveUser() != 0 || InUserNamespace();

    /// <summary>Whether the state belongs below $XDG_RUNTIME_DIR: root's own stays in /run/runc.</summary>
    public static bool UsesRuntimeDirectory() =>
        Sys.EffectiveUser() != 0 || (InUserNamespace() && Environment.GetEnvironmentVariable("USER") != "root");

    /// <summary>The first user namespace maps every id to itself (man 7 user_namespaces).</summary>
    public static bool InUserNamespace()
    {
        try
        {
            string[] map = Sys.ReadSmallText("/proc/self/uid_map").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            return map is not ["0", "0", "4294967295"];
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return false;
        }
    }
}
