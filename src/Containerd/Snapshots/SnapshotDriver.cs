using System.Globalization;
using System.Text;
using AotRuntime.Linux;
using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Types;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd;

/// <summary>What a snapshotter does on the disk. Names, parents and labels are the metadata's; a driver knows folders by number only.</summary>
internal abstract class SnapshotDriver
{
    protected SnapshotDriver(string root)
    {
        Root = root;
        // Layers hold setuid programs and files of many users: no other user of the host may reach into them.
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(root, owner);
        Directory.CreateDirectory(Folders, owner);
    }

    /// <summary>The name that clients ask for.</summary>
    public abstract string Name { get; }

    protected string Root { get; }

    protected string Folders => Path.Combine(Root, "snapshots");

    /// <summary>Makes the folder of a new snapshot. <paramref name="parents"/> has the nearest first.</summary>
    public abstract void Create(long id, Kind kind, IReadOnlyList<long> parents);

    /// <summary>How the snapshot is mounted.</summary>
    public abstract List<Mount> Mounts(long id, Kind kind, IReadOnlyList<long> parents);

    /// <summary>The folder that has the snapshot's own files.</summary>
    public abstract string Data(long id);

    /// <summary>Waits until the disk has all that was written into the snapshot: nothing may be committed that a power cut can empty.</summary>
    public void Sync(long id)
    {
        using SafeFileHandle folder = Sys.Open(Data(id), OpenFlags.ReadOnly | OpenFlags.Directory);
        Sys.SyncFs(folder, Data(id));
    }

    /// <summary>Removes the folder.</summary>
    public void Remove(long id)
    {
        string folder = Folder(id);
        if (!Directory.Exists(folder))
            return;
        // Renamed first, so that half a tree never looks like a snapshot.
        string removed = Path.Combine(Folders, $"rm-{id.ToString(CultureInfo.InvariantCulture)}");
        Directory.Move(folder, removed);
        DeleteTree(removed);
    }

    /// <summary>Removes folders that belong to none of <paramref name="known"/> ids.</summary>
    public void Clean(IReadOnlySet<long> known)
    {
        foreach (string folder in Directory.EnumerateDirectories(Folders))
        {
            bool isId = long.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out long id);
            if (!isId || !known.Contains(id))
                DeleteTree(folder);
        }
    }

    /// <summary>Puts all folders out of the way: without their records nobody can tell what they were.</summary>
    public void SetAside()
    {
        if (Directory.EnumerateFileSystemEntries(Folders).Any())
        {
            Directory.Move(Folders, $"{Folders}.lost-{DateTime.UtcNow.ToString("yyyyMMddTHHmmss", CultureInfo.InvariantCulture)}");
            Directory.CreateDirectory(Folders, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Bytes and inodes of the snapshot's own files.</summary>
    public (long Size, long Inodes) Usage(long id) => TreeUsage.Of(Data(id));

    protected string Folder(long id) => Path.Combine(Folders, id.ToString(CultureInfo.InvariantCulture));

    protected static Mount Bind(string source, bool writable)
    {
        Mount mount = new() { Type = "bind", Source = source };
        mount.Options.Add(writable ? "rw" : "ro");
        mount.Options.Add("rbind");
        return mount;
    }

    /// <summary>Makes a folder that everyone may pass, whatever the umask.</summary>
    protected static void MakeFolder(string path, UnixFileMode mode)
    {
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, mode);
    }

    /// <summary>Gives <paramref name="folder"/> the owner of <paramref name="like"/>.</summary>
    protected static void CopyOwner(string like, string folder)
    {
        using SafeFileHandle root = Sys.Open("/", OpenFlags.Directory | OpenFlags.Path);
        Errno errno = Sys.TryStatAt(root, Encoding.UTF8.GetBytes(like + "\0"), out FileStatus status);
        if (errno != Errno.None)
            throw new LinuxException("stat", like, errno);
        if (status.Uid != 0 || status.Gid != 0)
            Sys.Chown(folder, status.Uid, status.Gid);
    }

    // A container may still be unmounting, or have left folders that only root's override of permissions opens: the tree goes whole or
    // is left for the next clean-up.
    private static void DeleteTree(string folder) => Directory.Delete(folder, recursive: true);
}
