using System.Globalization;
using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Archives;
using AotRuntime.Dockerd.Oci;
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
            List<string> mountedVolumes = [];
            try
            {
                if (volumes)
                    await BindVolumesAsync(record, mounted.Path, mountedVolumes).ConfigureAwait(false);
                using ContainerFiles files = new(mounted.Path, record.Name);
                await work(files).ConfigureAwait(false);
            }
            finally
            {
                foreach (string name in mountedVolumes)
                    await _services.Volumes.UnmountAsync(name, record.Id).ConfigureAwait(false);
            }
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

    private async Task BindVolumesAsync(ContainerRecord record, string rootPath, List<string> mountedVolumes)
    {
        using RootFs root = new(rootPath);
        using SafeFileHandle rootHandle = Sys.Open(rootPath, OpenFlags.Path | OpenFlags.Directory);
        foreach (MountRecord mount in record.Mounts)
        {
            string source = mount.Source;
            if (mount.Type == "volume")
            {
                source = await _services.Volumes.MountAsync(mount.Name, record.Id).ConfigureAwait(false);
                mountedVolumes.Add(mount.Name);
            }
            if (mount.Type is not ("volume" or "bind") || !Path.Exists(source))
                continue;
            if (Directory.Exists(source))
                root.MakeDirectories(mount.Destination);
            // What the image has in that place decides where it is: never outside of the root.
            byte[] destination = AotRuntime.Images.Tar.TarPath.Terminate(System.Text.Encoding.UTF8.GetBytes(mount.Destination));
            if (Sys.TryOpenAt2(rootHandle, destination, OpenFlags.Path, 0, ResolveFlags.InRoot | ResolveFlags.NoMagicLinks, out SafeFileHandle? target) != Errno.None)
                continue;
            using (target)
                Sys.Mount(source, $"/proc/self/fd/{target!.DangerousGetHandle()}", null, MountOptions.MS_BIND | MountOptions.MS_REC, null);
        }
    }
}
