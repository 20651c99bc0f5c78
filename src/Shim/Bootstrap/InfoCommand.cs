using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Runc;
using AotRuntime.Rpc.Containerd.Types;
using AotRuntime.Shim.Processes;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Shim.Bootstrap;

/// <summary><c>-info</c>: what this shim and its runtime can do, as a protobuf RuntimeInfo.</summary>
internal static class InfoCommand
{
    private const string FeaturesType = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

    /// <summary>Runs the command.</summary>
    public static int Run()
    {
        var info = new RuntimeInfo
        {
            Name = ShimRole.RuntimeName,
            Version = new RuntimeVersion { Version = ShimRole.Version },
        };
        string binary = "";
        using (Stream stdin = Console.OpenStandardInput())
        {
            Any any = Any.Parser.ParseFrom(stdin);
            if (TypeUrls.Is(any, TypeUrls.RuncOptions))
            {
                info.Options = any;
                binary = Options.Parser.ParseFrom(any.Value).BinaryName;
            }
        }
        var runtime = new RuncRuntime(binary, "", "", bundle: null, systemdCgroup: false, reaper: null);
        if (runtime.File is null)
            throw new ShimException($"failed to look up the path of \"{runtime.Name}\": exec: \"{runtime.Name}\": executable file not found in $PATH");
        // Not every OCI runtime has the command.
        RuncResult result = runtime.FeaturesAsync().GetAwaiter().GetResult();
        if (result.Succeeded)
            info.Features = new Any { TypeUrl = FeaturesType, Value = ByteString.CopyFrom(result.Output) };
        ShimRole.WriteOut(info.ToByteArray());
        return 0;
    }
}
