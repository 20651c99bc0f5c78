using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Rpc.Containerd.Shim;
using AotRuntime.Shim.Processes;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Shim.Bootstrap;

/// <summary><c>delete</c>: cleans up after a shim that is gone, and tells what became of the container.</summary>
internal static class DeleteCommand
{
    // Nobody saw the process end; it was killed below, if not before.
    private const uint ExitStatus = 128 + Sys.SIGKILL;

    // How often, and after how many milliseconds each time, is looked whether a shim still serves.
    private const int EndingChecks = 5, EndingCheckMs = 10;

    /// <summary>Runs the command.</summary>
    public static int Run(ShimOptions options)
    {
        // The working directory is the bundle, or that of another container of the same group.
        string bundle = options.Bundle.Length > 0
            ? options.Bundle
            : Path.Combine(Path.GetDirectoryName(Directory.GetCurrentDirectory()) ?? "/", options.Id);

        BundleOptions saved = BundleOptions.Read(bundle);
        var runtime = new RuncRuntime(saved.BinaryName, saved.Root, options.Namespace, bundle, systemdCgroup: false, reaper: null);
        runtime.DeleteForceAsync(options.Id).GetAwaiter().GetResult();
        MountTable.UnmountTree(Path.Combine(bundle, "rootfs"), detach: true);

        uint pid = 0;
        string pidFile = Path.Combine(bundle, InitProcess.PidFile);
        if (File.Exists(pidFile))
            _ = uint.TryParse(File.ReadAllText(pidFile), CultureInfo.InvariantCulture, out pid);
        RemoveSocket(bundle);
        ShimRole.WriteOut(new DeleteResponse
        {
            Pid = pid,
            ExitStatus = ExitStatus,
            ExitedAt = Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow),
        }.ToByteArray());
        return 0;
    }

    // A shim that was killed could not remove its socket; one that still serves others of its group keeps it.
    private static void RemoveSocket(string bundle)
    {
        string file = Path.Combine(bundle, "address");
        if (!File.Exists(file))
            return;
        string address = File.ReadAllText(file);
        if (!address.StartsWith("unix:///", StringComparison.Ordinal))
            return;
        string path = address["unix://".Length..];
        // One that is just being killed takes connections until the last of its threads has gone.
        for (int i = 0; Sys.CanConnectUnix(path); i++)
        {
            if (i == EndingChecks)
                return;
            Thread.Sleep(EndingCheckMs);
        }
        File.Delete(path);
    }
}
