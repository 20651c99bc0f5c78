using AotRuntime.Linux;
using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Types;

namespace AotRuntime.Containerd;

/// <summary>Snapshots as layers of overlayfs: <c>snapshots/N/fs</c> has a layer's own files, <c>snapshots/N/work</c> is overlayfs's.</summary>
internal sealed class OverlayDriver(string root) : SnapshotDriver(root)
{
    private readonly bool _supportsIndex = File.Exists("/sys/module/overlay/parameters/index");

    public override string Name => "overlayfs";

    /// <summary>Whether an overlay can be mounted on the file system of <paramref name="root"/>: some cannot carry an upper directory.</summary>
    public static bool IsSupported(string root, out string reason)
    {
        string probe = Path.Combine(root, $"check-overlayfs-support{Environment.ProcessId}");
        try
        {
            foreach (string name in (ReadOnlySpan<string>)["lower1", "lower2", "upper", "work", "merged"])
                Directory.CreateDirectory(Path.Combine(probe, name));
            string options = $"lowerdir={probe}/lower2:{probe}/lower1,upperdir={probe}/upper,workdir={probe}/work";
            string merged = Path.Combine(probe, "merged");
            Sys.Mount("overlay", merged, "overlay", 0, options);
            Sys.Unmount(merged, 0);
            reason = "";
            return true;
        }
        catch (IOException e)
        {
            reason = e.Message;
            return false;
        }
        finally
        {
            if (Directory.Exists(probe))
                Directory.Delete(probe, recursive: true);
        }
    }

    public override string Data(long id) => Path.Combine(Folder(id), "fs");

    public override void Create(long id, Kind kind, IReadOnlyList<long> parents)
    {
        const UnixFileMode everyone = UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(Folder(id), owner);
        MakeFolder(Data(id), owner | everyone);
        if (kind == Kind.Active)
            MakeFolder(Work(id), owner | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        // The upper directory is the root directory that a container sees.
        if (parents.Count > 0)
            CopyOwner(Data(parents[0]), Data(id));
    }

    public override List<Mount> Mounts(long id, Kind kind, IReadOnlyList<long> parents)
    {
        if (parents.Count == 0)
            return [Bind(Data(id), writable: kind == Kind.Active)];
        if (kind != Kind.Active && parents.Count == 1)
            return [Bind(Data(parents[0]), writable: false)];

        Mount mount = new() { Type = "overlay", Source = "overlay" };
        if (kind == Kind.Active)
        {
            mount.Options.Add($"workdir={Work(id)}");
            mount.Options.Add($"upperdir={Data(id)}");
        }
        mount.Options.Add($"lowerdir={string.Join(':', parents.Select(Data))}");
        // Without it, a lower directory that was mounted elsewhere before is refused on some kernels.
        if (_supportsIndex)
            mount.Options.Add("index=off");
        return [mount];
    }

    private string Work(long id) => Path.Combine(Folder(id), "work");
}
