using System.Globalization;
using System.Runtime.InteropServices;
using AotRuntime.Http;
using AotRuntime.Images.Registry;
using AotRuntime.Linux;

namespace AotRuntime.Dockerd;

/// <summary><c>aotruntime registry serve</c>: a registry for machines without a network.</summary>
internal static class RegistryRole
{
    private const string Usage =
        """
        Usage:  aotruntime registry serve DIR [--listen HOST:PORT]

        Serve the images in DIR, read-only, as a Registry V2 (default: 127.0.0.1:5000).

        DIR is an OCI image layout (it holds index.json), or a folder of layouts:
          a folder of layouts   each sub-folder is a repository: DIR/hello-world is both hello-world and library/hello-world;
                                a manifest's org.opencontainers.image.ref.name is its tag
          one layout            org.opencontainers.image.ref.name is "name:tag", or a "tag" of the repository named as DIR is
        Without that annotation a manifest's tag is "latest".

        Options:
          --listen HOST:PORT    address to listen on; port 0 takes a free one, which is printed
        """;

    public static int Run(string[] args)
    {
        string listen = "127.0.0.1:5000";
        string? directory = null;
        if (args.Length == 0 || args[0] is "-h" or "--help" or "help")
        {
            Console.Out.WriteLine(Usage);
            return args.Length == 0 ? 2 : 0;
        }
        if (args[0] != "serve")
            return Wrong($"unknown command \"{args[0]}\"");
        for (int i = 1; i < args.Length; i++)
        {
            string arg = args[i];
            if (arg is "-h" or "--help")
            {
                Console.Out.WriteLine(Usage);
                return 0;
            }
            if (arg.StartsWith("--listen=", StringComparison.Ordinal))
                listen = arg["--listen=".Length..];
            else if (arg == "--listen" && i + 1 < args.Length)
                listen = args[++i];
            else if (arg.StartsWith('-'))
                return Wrong(arg == "--listen" ? "flag needs an argument: --listen" : $"unknown flag: {arg}");
            else if (directory is null)
                directory = arg;
            else
                return Wrong($"unexpected argument \"{arg}\"");
        }
        if (directory is null)
            return Wrong("DIR is missing");
        int colon = listen.LastIndexOf(':');
        if (colon < 0 || !ushort.TryParse(listen.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
            return Wrong($"invalid address \"{listen}\": HOST:PORT expected");
        try
        {
            ServeAsync(directory, listen[..colon].Trim('[', ']'), port).GetAwaiter().GetResult();
            return 0;
        }
        catch (Exception error) when (error is IOException or LinuxException)
        {
            Console.Error.WriteLine($"aotruntime registry: {error.Message}");
            return 1;
        }
    }

    private static async Task ServeAsync(string directory, string host, int port)
    {
        RegistryServer registry = new(new LayoutStore(directory));
        await using TransportListener listener = Transport.ListenTcp(host, port);
        using CancellationTokenSource stop = new();
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        Console.Error.WriteLine($"serving {Path.GetFullPath(directory)} on {listener.Address}");
        await new HttpServer(registry.HandleAsync).RunAsync(listener, stop.Token).ConfigureAwait(false);
    }

    private static int Wrong(string message)
    {
        Console.Error.WriteLine($"aotruntime registry: {message}");
        Console.Error.WriteLine(Usage);
        return 2;
    }
}
