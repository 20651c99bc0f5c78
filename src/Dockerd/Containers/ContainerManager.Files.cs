using System.Globalization;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Archives;
using AotRuntime.Linux;
using AotRuntime.Rpc.Containerd.Types;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Containers;

internal sealed partial class ContainerManager
{
    /// <summary>
    /// Works with a container's files: through its first process while it runs; else its snapshot is mounted for as long, with its volumes,
    /// and it can't be started meanwhile.
    /// </summary>
    public async Task WithFilesAsync(Container container, bool volumes, Func<ContainerFiles, Task> work)
    {
        ContainerRecord record = container.Record;
        await container.Lock.WaitAsync().ConfigureAwait(false);
        bool locked = true;
        try
        {
            if (record.Removing || container.State.Dead)
                throw ApiException.Conflict($"container {record.Id} is marked for removal");
            if (container.State is { Running: true, Restarting: false, Pid: > 0 })
            {
                using ContainerFiles running = new($"/proc/{container.State.Pid.ToString(CultureInfo.InvariantCulture)}/root", record.Name);
                // The descriptor keeps the root there from here on, whatever becomes of the process.
                container.Lock.Release();
                locked = false;
                await work(running).ConfigureAwait(false);
                return;
            }
            IReadOnlyList<Mount> rootfs = await _services.Containerd.SnapshotMountsAsync(record.Snapshotter, record.Id).ConfigureAwait(false);
            using SnapshotMount mounted = SnapshotMount.Open(rootfs, Path.Combine(MountsFolder, record.Id));
            if (volumes)
                BindVolumes(record, mounted.Path);
            using ContainerFiles files = new(mounted.Path, record.Name);
            await work(files).ConfigureAwait(false);
        }
        catch (LinuxException e)
        {
            throw ApiException.Internal(e.Message, e);
        }
        finally
        {
            if (locked)
                container.Lock.Release();
        }
    }

    private static void BindVolumes(ContainerRecord record, string rootPath)
    {
        using SafeFileHandle root = Sys.Open(rootPath, OpenFlags.Path | OpenFlags.Directory);
        foreach (MountRecord mount in record.Mounts)
        {
            if (mount.Type is not ("volume" or "bind") || mount.Source.Length == 0 || !Path.Exists(mount.Source))
                continue;
            byte[] destination = AotRuntime.Images.Tar.TarPath.Terminate(System.Text.Encoding.UTF8.GetBytes(mount.Destination));
            // What the image has in that place decides where it is: never outside of the root.
            if (Sys.TryOpenAt2(root, destination, OpenFlags.Path, 0, ResolveFlags.InRoot | ResolveFlags.NoMagicLinks, out SafeFileHandle? target) != Errno.None)
                continue;
            using (target)
                Sys.Mount(mount.Source, $"/proc/self/fd/{target!.DangerousGetHandle()}", null, MountOptions.MS_BIND | MountOptions.MS_REC, null);
        }
    }
}
