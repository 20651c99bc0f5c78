using System.Text;
using AotRuntime.Linux;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd;

/// <summary>
/// A task's folder, <c>STATE/NAMESPACE/ID</c>: config.json, rootfs (where the shim mounts), work (a link into the root folder), the
/// shim's log FIFO, and what a restarted daemon needs to find the shim again.
/// </summary>
internal sealed record Bundle(string Namespace, string Id, string Path)
{
    public string Rootfs => System.IO.Path.Combine(Path, "rootfs");

    public string Log => System.IO.Path.Combine(Path, "log");

    private string Work => System.IO.Path.Combine(Path, "work");

    private string Bootstrap => System.IO.Path.Combine(Path, "bootstrap.json");

    private string ShimBinaryPath => System.IO.Path.Combine(Path, "shim-binary-path");

    /// <summary>Makes the folder of a new task.</summary>
    public static Bundle Create(string stateRoot, string workRoot, string ns, string id, Any? spec)
    {
        try
        {
            CallScope.CheckIdentifier(id);
        }
        catch (Rpc.RpcException e)
        {
            throw new Rpc.RpcException(e.Status, $"invalid task id {id}: {e.Message}");
        }
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        const UnixFileMode passable = owner | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        Bundle bundle = new(ns, id, System.IO.Path.Combine(stateRoot, ns, id));
        // What a task of the same name left when its shim was lost; a living one would be known.
        bundle.Delete();

        string work = System.IO.Path.Combine(workRoot, ns, id);
        MakeFolder(System.IO.Path.GetDirectoryName(bundle.Path)!, passable);
        MakeFolder(bundle.Path, owner);
        if (spec is { Value.Length: > 0 } && RemappedRoot.Of(spec.Value.Span) is { } gid)
        {
            // The container's root must be able to pass through to its rootfs.
            Sys.Chown(bundle.Path, uint.MaxValue, gid);
            File.SetUnixFileMode(bundle.Path, owner | UnixFileMode.GroupExecute);
        }
        MakeFolder(bundle.Rootfs, passable);
        MakeFolder(System.IO.Path.GetDirectoryName(work)!, passable);
        if (Directory.Exists(work))
            Directory.Delete(work, recursive: true);
        MakeFolder(work, passable);
        File.CreateSymbolicLink(bundle.Work, work);
        if (spec is { Value.Length: > 0 })
            File.WriteAllBytes(System.IO.Path.Combine(bundle.Path, "config.json"), spec.Value.Span);
        return bundle;
    }

    /// <summary>Keeps what <see cref="TryReadShim"/> needs.</summary>
    public void WriteShim(string binary, BootstrapReply reply)
    {
        File.WriteAllText(ShimBinaryPath, binary);
        File.WriteAllBytes(Bootstrap + ".tmp", reply.ToJson());
        File.Move(Bootstrap + ".tmp", Bootstrap, overwrite: true);
    }

    /// <summary>How the shim of this bundle is reached; null where the daemon died before it knew.</summary>
    public BootstrapReply? TryReadShim()
    {
        // The shim itself writes its address, before containerd hears of it.
        string address = System.IO.Path.Combine(Path, "address");
        foreach (string file in (ReadOnlySpan<string>)[Bootstrap, address])
        {
            if (!File.Exists(file))
                continue;
            try
            {
                return BootstrapReply.Parse(File.ReadAllBytes(file));
            }
            catch (Rpc.RpcException) when (file == Bootstrap && File.Exists(address))
            {
                // Half written when the power went: the shim's own file still tells.
                continue;
            }
        }
        return null;
    }

    /// <summary>The shim's program, as it was started; null where the daemon died before it was written.</summary>
    public string? ShimBinary => File.Exists(ShimBinaryPath) ? File.ReadAllText(ShimBinaryPath) : null;

    /// <summary>The container's spec; null where there is none.</summary>
    public byte[]? ReadSpec()
    {
        string file = System.IO.Path.Combine(Path, "config.json");
        return File.Exists(file) ? File.ReadAllBytes(file) : null;
    }

    /// <summary>Makes the log FIFO and opens it both ways, so that a shim never waits for a reader.</summary>
    public SafeFileHandle OpenLog()
    {
        if (!File.Exists(Log))
        {
            using SafeFileHandle folder = Sys.Open(Path, OpenFlags.Directory | OpenFlags.Path);
            const uint fifo = 0x1000 | 0x1c0; // S_IFIFO, 0700
            Errno errno = Sys.TryMknodAt(folder, "log\0"u8, fifo, 0);
            if (errno is not (Errno.None or Errno.EEXIST))
                throw new LinuxException("mknod", Log, errno);
        }
        return Sys.Open(Log, OpenFlags.ReadWrite | OpenFlags.NonBlock);
    }

    /// <summary>Unmounts the rootfs and removes the folder and its work folder. Nothing there is no error.</summary>
    public void Delete()
    {
        if (!Directory.Exists(Path))
            return;
        string? work = new FileInfo(Work).LinkTarget;
        MountTable.UnmountTree(Rootfs);
        if (Directory.Exists(Rootfs))
            Directory.Delete(Rootfs); // not recursive: what is in there could only be the container's own files
        Hide(Path);
        if (work is not null)
            Hide(work);
    }

    // Renamed before it is emptied, so that half a bundle never looks like one.
    private static void Hide(string path)
    {
        if (!Directory.Exists(path))
            return;
        string hidden = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path)!, $".{System.IO.Path.GetFileName(path)}");
        if (Directory.Exists(hidden))
            Directory.Delete(hidden, recursive: true);
        Directory.Move(path, hidden);
        Directory.Delete(hidden, recursive: true);
    }

    private static void MakeFolder(string path, UnixFileMode mode)
    {
        if (Directory.Exists(path))
            return;
        Directory.CreateDirectory(path);
        File.SetUnixFileMode(path, mode);
    }
}
