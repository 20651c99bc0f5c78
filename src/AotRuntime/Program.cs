using AotRuntime.Containerd;
using AotRuntime.Docker;
using AotRuntime.Dockerd;
using AotRuntime.Runc;
using AotRuntime.Shim;

namespace AotRuntime;

/// <summary>Maps the name that the program is called by to a role; nothing else lives here.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        string name = RoleNames.CalledAs();
        if (RoleNames.IsProgram(name))
        {
            // `aotruntime ROLE [ARG ...]` works where symlinks are not to be had.
            if (args.Length == 0)
            {
                Console.Error.WriteLine(RoleNames.Usage);
                return 2;
            }
            name = args[0];
            args = args[1..];
        }

        switch (name)
        {
            case "docker":
                return DockerRole.Run(args);
            case "dockerd":
                return DockerdRole.Run(args);
            case "docker-proxy":
                return DockerdRole.RunProxy(args);
            case "containerd" or "docker-containerd":
                return ContainerdRole.Run(args);
            case "ctr":
                return ContainerdRole.RunCtr(args);
            case "containerd-shim-runc-v2" or "docker-containerd-shim":
                return ShimRole.Run(args);
            case "runc" or "docker-runc":
                return RuncRole.Run(args);
            case "registry":
                return DockerdRole.RunRegistry(args);
            default:
                Console.Error.WriteLine($"aotruntime: no role is named \"{name}\"");
                Console.Error.WriteLine(RoleNames.Usage);
                return 2;
        }
    }
}
