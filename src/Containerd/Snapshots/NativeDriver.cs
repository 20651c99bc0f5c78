using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Types;

namespace AotRuntime.Containerd;

/// <summary>Snapshots as whole copies, <c>snapshots/N</c>: slow and large, and works on every file system.</summary>
internal sealed class NativeDriver(string root) : SnapshotDriver(root)
{
    public override string Name => "native";

    public override string Data(long id) => Folder(id);

    public override void Create(long id, Kind kind, IReadOnlyList<long> parents)
    {
        // A view is its parent, mounted read-only.
        if (kind == Kind.View && parents.Count > 0)
        {
            Directory.CreateDirectory(Folder(id));
            return;
        }
        if (parents.Count > 0)
        {
            TreeCopy.Copy(Data(parents[0]), Folder(id));
            return;
        }
        MakeFolder(
            Folder(id),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
    }

    public override List<Mount> Mounts(long id, Kind kind, IReadOnlyList<long> parents) =>
        [Bind(kind == Kind.View && parents.Count > 0 ? Data(parents[0]) : Data(id), writable: kind == Kind.Active)];
}
