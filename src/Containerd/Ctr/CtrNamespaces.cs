using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Namespaces;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>namespaces</c>.</summary>
internal static class CtrNamespaces
{
    public static async Task<int> RunAsync(CtrClient client, string command, List<string> rest)
    {
        switch (command)
        {
            case "list":
            {
                CtrArguments args = CtrArguments.Parse(rest, "quiet,q");
                ListNamespacesResponse list = await client.CallAsync(NamespacesMethods.List, new ListNamespacesRequest()).ConfigureAwait(false);
                var table = new CtrTable(1, 1, "NAME", "LABELS");
                foreach (Namespace ns in list.Namespaces)
                {
                    if (args.Has("quiet"))
                        Console.Out.WriteLine(ns.Name);
                    else
                        table.Add(ns.Name, CtrRole.Labels(ns.Labels));
                }
                if (!args.Has("quiet"))
                    Console.Out.Write(table.Format());
                return 0;
            }
            case "create":
            {
                CtrArguments args = CtrArguments.Parse(rest);
                if (args.Positional.Count == 0)
                    throw new CtrException("please specify a namespace");
                var ns = new Namespace { Name = args.Positional[0] };
                foreach (string label in args.Positional[1..])
                {
                    int equals = label.IndexOf('=');
                    ns.Labels[equals < 0 ? label : label[..equals]] = equals < 0 ? "" : label[(equals + 1)..];
                }
                await client.CallAsync(NamespacesMethods.Create, new CreateNamespaceRequest { Namespace = ns }).ConfigureAwait(false);
                return 0;
            }
            case "remove":
            {
                int code = 0;
                foreach (string name in CtrArguments.Parse(rest, "cgroup,c").Positional)
                {
                    try
                    {
                        await client.CallAsync(NamespacesMethods.Delete, new DeleteNamespaceRequest { Name = name }).ConfigureAwait(false);
                        Console.Out.WriteLine(name);
                    }
                    catch (RpcException e)
                    {
                        Console.Error.WriteLine($"ctr: unable to delete {name}: {e.Message}");
                        code = 1;
                    }
                }
                return code;
            }
            default:
                throw CtrRole.Unknown(command);
        }
    }
}
