namespace AotRuntime;

/// <summary>The names that the binary answers to.</summary>
internal static class RoleNames
{
    /// <summary>Printed where no role was named.</summary>
    public const string Usage =
        """
        Usage: aotruntime ROLE [ARG ...]      or a symlink named ROLE to this file

        Roles:
          docker                                            command-line client
          dockerd, docker-proxy                             engine daemon, its port relay
          containerd, docker-containerd, ctr                container daemon, its debug client
          containerd-shim-runc-v2, docker-containerd-shim   parent of a container's processes
          runc, docker-runc                                 OCI runtime
          registry serve DIR [--listen HOST:PORT]           read-only image registry over an OCI layout
        """;

    /// <summary>Whether <paramref name="name"/> is the program itself, and so no role.</summary>
    public static bool IsProgram(string name) => name == "aotruntime";

    /// <summary>The file name that execve got as argv[0]: the symlink's name, not its target's.</summary>
    public static string CalledAs()
    {
        string name = Environment.GetCommandLineArgs()[0];
        if (name.EndsWith(".dll", StringComparison.Ordinal))
        {
            // Under CoreCLR (the debugging build) the host puts the assembly there; the kernel still knows the truth (man 5 proc_pid_cmdline).
            string commandLine = File.ReadAllText("/proc/self/cmdline");
            name = commandLine[..commandLine.IndexOf('\0', StringComparison.Ordinal)];
        }
        return Path.GetFileName(name);
    }
}
