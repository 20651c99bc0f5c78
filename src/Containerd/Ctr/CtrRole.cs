using System.Text;
using AotRuntime.Rpc;

namespace AotRuntime.Containerd.Ctr;

/// <summary>The debug client's commands.</summary>
public static class CtrRole
{
    private const string DefaultAddress = "/run/containerd/containerd.sock";

    private const string Usage =
        """
        NAME:
           ctr - look inside a containerd

        USAGE:
           ctr [--address SOCKET] [--namespace NAME] COMMAND [ARG...]

        COMMANDS:
           version
           namespaces, ns       list | create NAME [KEY=VALUE...] | remove NAME...
           images, i            list | pull [--plain-http] REF | remove REF... | tag REF NEW...
           content              list
           containers, c        list | remove ID... | info ID
           tasks, t             list | kill [-s SIGNAL] ID | remove [-f] ID... | exec --exec-id EXEC ID CMD...
           run                  [--rm] [-d] [-t] [--null-io] [--net-host] [--env K=V] [--cwd DIR] REF ID [CMD...]
           events
           snapshots            list

        OPTIONS:
           --address, -a        containerd's socket [$CONTAINERD_ADDRESS] (default /run/containerd/containerd.sock)
           --namespace, -n      namespace [$CONTAINERD_NAMESPACE] (default "default")

        """;

    /// <summary>Runs the client and gives its exit code.</summary>
    public static int Run(string[] args)
    {
        try
        {
            return RunAsync(args).GetAwaiter().GetResult();
        }
        catch (RpcException e)
        {
            return Fail(e.Message);
        }
        catch (CtrUsageException e)
        {
            Console.Error.WriteLine(e.Message);
            return 3;
        }
        catch (Exception e) when (e is CtrException or IOException or Images.Registry.RegistryException or Images.ReferenceException)
        {
            return Fail(e.Message);
        }
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine($"ctr: {message}");
        return 1;
    }

    private static async Task<int> RunAsync(string[] args)
    {
        CtrArguments global = CtrArguments.Parse(args, "address,a=", "namespace,n=", "debug", "help,h", "version,v", "timeout=", "connect-timeout=");
        if (global.Has("help") || global.Positional.Count == 0)
        {
            Console.Out.Write(Usage);
            return 0;
        }
        if (global.Has("version"))
        {
            Console.Out.WriteLine($"ctr github.com/containerd/containerd {VersionService.Version}");
            return 0;
        }
        string address = global.Value("address") ?? Environment.GetEnvironmentVariable("CONTAINERD_ADDRESS") ?? DefaultAddress;
        string ns = global.Value("namespace") ?? Environment.GetEnvironmentVariable("CONTAINERD_NAMESPACE") ?? "default";
        await using var client = new CtrClient(address, ns);
        string command = global.Positional[0];
        List<string> rest = global.Positional[1..];
        switch (command)
        {
            case "version":
                return await CtrVersion.RunAsync(client).ConfigureAwait(false);
            case "run":
                return await CtrRun.RunAsync(client, rest).ConfigureAwait(false);
            case "events" or "event":
                return await CtrEvents.RunAsync(client).ConfigureAwait(false);
            case "namespaces" or "namespace" or "ns":
                return await Sub(rest, (name, a) => CtrNamespaces.RunAsync(client, name, a)).ConfigureAwait(false);
            case "images" or "image" or "i":
                return await Sub(rest, (name, a) => CtrImages.RunAsync(client, name, a)).ConfigureAwait(false);
            case "content":
                return await Sub(rest, (name, a) => CtrContent.RunAsync(client, name, a)).ConfigureAwait(false);
            case "containers" or "container" or "c":
                return await Sub(rest, (name, a) => CtrContainers.RunAsync(client, name, a)).ConfigureAwait(false);
            case "tasks" or "task" or "t":
                return await Sub(rest, (name, a) => CtrTasks.RunAsync(client, name, a)).ConfigureAwait(false);
            case "snapshots" or "snapshot":
                return await Sub(rest, (name, a) => CtrSnapshots.RunAsync(client, name, a)).ConfigureAwait(false);
            default:
                throw new CtrUsageException(command);
        }
    }

    // A subcommand's other names are folded into one.
    private static Task<int> Sub(List<string> rest, Func<string, List<string>, Task<int>> run)
    {
        if (rest.Count == 0)
        {
            Console.Out.Write(Usage);
            return Task.FromResult(0);
        }
        string name = rest[0] switch
        {
            "ls" or "list" => "list",
            "rm" or "remove" or "del" or "delete" => "remove",
            "c" or "create" => "create",
            string other => other,
        };
        return run(name, rest[1..]);
    }

    /// <summary>For a subcommand that is not there.</summary>
    internal static CtrUsageException Unknown(string name) => new(name);

    /// <summary>Labels as lists show them: <c>a=b,c=d</c>, or a dash.</summary>
    internal static string Labels(IEnumerable<KeyValuePair<string, string>> labels, string none = "")
    {
        var text = new StringBuilder();
        foreach ((string key, string value) in labels.OrderBy(l => l.Key, StringComparer.Ordinal))
            text.Append(text.Length > 0 ? "," : "").Append(key).Append('=').Append(value);
        return text.Length == 0 ? none : text.ToString();
    }
}
