using AotRuntime.Rpc.Containerd.Snapshots;
using AotRuntime.Rpc.Containerd.Types;
using AotRuntime.Storage;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd;

/// <summary>The snapshots of one snapshotter: records in the metadata, files by its driver.</summary>
internal sealed class SnapshotStore(MetadataStore metadata, SnapshotDriver driver)
{
    private readonly Lock _usage = new();

    public SnapshotDriver Driver => driver;

    public string Name => driver.Name;

    private string LeaseType => $"snapshots/{driver.Name}";

    private readonly record struct Row(long Id, string Parent, Kind Kind, Info Info);

    public List<Mount> Create(string ns, string? lease, string key, string parent, Kind kind, IEnumerable<KeyValuePair<string, string>> labels)
    {
        if (key.Length == 0)
            throw ContainerdError.InvalidArgument("snapshot key must not be empty");
        long made = 0;
        try
        {
            return metadata.Database.Write(session =>
            {
                CheckFree(session, ns, key);
                if (parent.Length > 0)
                {
                    Row above = Find(session, ns, parent) ?? throw ContainerdError.NotFound($"parent snapshot {parent} does not exist");
                    if (above.Kind != Kind.Committed)
                        throw ContainerdError.InvalidArgument($"failed to create snapshot: parent \"{parent}\" is not committed snapshot");
                }
                Timestamp now = Labels.Now();
                Info info = new() { Name = key, Parent = parent, Kind = kind, CreatedAt = now, UpdatedAt = now };
                foreach (KeyValuePair<string, string> label in labels)
                    info.Labels[label.Key] = label.Value;
                Labels.Check(info.Labels);
                MetadataStore.TouchNamespace(session, ns);
                using (Statement insert = session.Prepare(
                    "INSERT INTO snapshots (ns, snapshotter, name, parent, kind, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"))
                {
                    insert.Bind(1, ns).Bind(2, Name).Bind(3, key).Bind(4, parent).Bind(5, (long)kind).Bind(6, info.ToByteArray()).Run();
                }
                made = session.LastInsertRowId;
                metadata.AddToLease(session, ns, lease, LeaseType, key);
                List<long> parents = Parents(session, ns, parent);
                driver.Create(made, kind, parents);
                return driver.Mounts(made, kind, parents);
            });
        }
        catch when (made != 0)
        {
            // The record is rolled back; its folder must not outlive it.
            driver.Remove(made);
            throw;
        }
    }

    public List<Mount> Mounts(string ns, string key) => metadata.Database.Read(session =>
    {
        Row row = Get(session, ns, key);
        if (row.Kind == Kind.Committed)
            throw ContainerdError.FailedPrecondition($"failed to get active mount: requested snapshot {key} not active or view");
        return driver.Mounts(row.Id, row.Kind, Parents(session, ns, row.Parent));
    });

    public void Commit(string ns, string? lease, string name, string key, string parent, IEnumerable<KeyValuePair<string, string>> labels)
    {
        // Synced before, and not within, the transaction: it may take long, and everyone else would wait.
        driver.Sync(metadata.Database.Read(s =>
        {
            CheckFree(s, ns, name);
            return Get(s, ns, key).Id;
        }));
        metadata.Database.Write(session =>
        {
            CheckFree(session, ns, name);
            Row row = Get(session, ns, key);
            if (row.Kind != Kind.Active)
                throw ContainerdError.FailedPrecondition($"failed to commit snapshot {key}: snapshot \"{key}\" is not active");
            if (parent.Length > 0 && row.Parent.Length > 0 && parent != row.Parent)
                throw ContainerdError.InvalidArgument($"cannot change parent of active snapshot \"{key}\" on commit");
            // A snapshot without a parent may get one at its commit (layers unpacked side by side).
            if (parent.Length > 0 && row.Parent.Length == 0)
            {
                Row above = Find(session, ns, parent) ?? throw ContainerdError.NotFound($"parent snapshot {parent} does not exist");
                if (above.Kind != Kind.Committed)
                    throw ContainerdError.InvalidArgument($"parent \"{parent}\" is not committed snapshot");
                row = row with { Parent = parent };
            }
            Timestamp now = Labels.Now();
            Info info = new() { Name = name, Parent = row.Parent, Kind = Kind.Committed, CreatedAt = now, UpdatedAt = now };
            foreach (KeyValuePair<string, string> label in labels)
                info.Labels[label.Key] = label.Value;
            Labels.Check(info.Labels);
            using (Statement update = session.Prepare("UPDATE snapshots SET name = ?2, parent = ?3, kind = ?4, data = ?5 WHERE id = ?1"))
                update.Bind(1, row.Id).Bind(2, name).Bind(3, row.Parent).Bind(4, (long)Kind.Committed).Bind(5, info.ToByteArray()).Run();
            MetadataStore.RemoveFromLease(session, ns, null, LeaseType, key);
            metadata.AddToLease(session, ns, lease, LeaseType, name);
        });
    }

    /// <summary>Removes the record; the folder follows when <see cref="GarbageCollector"/> next runs.</summary>
    public long Remove(string ns, string key) => metadata.Database.Write(session =>
    {
        Row row = Get(session, ns, key);
        using (Statement child = session.Prepare("SELECT 1 FROM snapshots WHERE ns = ?1 AND snapshotter = ?2 AND parent = ?3 LIMIT 1"))
        {
            if (child.Bind(1, ns).Bind(2, Name).Bind(3, key).Step())
                throw ContainerdError.FailedPrecondition("cannot remove snapshot with child");
        }
        using (Statement delete = session.Prepare("DELETE FROM snapshots WHERE id = ?1"))
            delete.Bind(1, row.Id).Run();
        MetadataStore.RemoveFromLease(session, ns, null, LeaseType, key);
        return row.Id;
    });

    public Info Stat(string ns, string key) => metadata.Database.Read(session => Get(session, ns, key)).Info;

    public Info Update(string ns, Info wanted, FieldMask? mask) => metadata.Database.Write(session =>
    {
        if (wanted.Name.Length == 0)
            throw ContainerdError.InvalidArgument("snapshot name must not be empty");
        Row row = Get(session, ns, wanted.Name);
        if (mask is null || mask.Paths.Count == 0)
        {
            Labels.Replace(row.Info.Labels, wanted.Labels);
        }
        else
        {
            foreach (string path in mask.Paths)
            {
                if (!Labels.ApplyPath(path, row.Info.Labels, wanted.Labels))
                    throw ContainerdError.InvalidArgument($"cannot update \"{path}\" field on snapshot \"{wanted.Name}\"");
            }
        }
        Labels.Check(row.Info.Labels);
        row.Info.UpdatedAt = Labels.Now();
        using Statement update = session.Prepare("UPDATE snapshots SET data = ?2 WHERE id = ?1");
        update.Bind(1, row.Id).Bind(2, row.Info.ToByteArray()).Run();
        return row.Info;
    });

    public List<Info> List(string ns) => metadata.Database.Read(session =>
    {
        using Statement list = session.Prepare("SELECT data FROM snapshots WHERE ns = ?1 AND snapshotter = ?2 ORDER BY name");
        list.Bind(1, ns).Bind(2, Name);
        List<Info> infos = [];
        while (list.Step())
            infos.Add(Info.Parser.ParseFrom(list.Blob(0)));
        return infos;
    });

    /// <summary>Bytes and inodes; a committed snapshot never changes, so its walk is done once and remembered.</summary>
    public (long Size, long Inodes) Usage(string ns, string key)
    {
        (Row row, long? size, long inodes) = metadata.Database.Read(session =>
        {
            Row found = Get(session, ns, key);
            using Statement read = session.Prepare("SELECT size, inodes FROM snapshots WHERE id = ?1");
            read.Bind(1, found.Id).Step();
            return (found, read.IsNull(0) ? (long?)null : read.Int64(0), read.Int64(1));
        });
        if (size is not null)
            return (size.Value, inodes);

        (long Size, long Inodes) usage;
        lock (_usage)
            usage = driver.Usage(row.Id);
        if (row.Kind == Kind.Committed)
        {
            metadata.Database.Write(session =>
            {
                using Statement update = session.Prepare("UPDATE snapshots SET size = ?2, inodes = ?3 WHERE id = ?1");
                update.Bind(1, row.Id).Bind(2, usage.Size).Bind(3, usage.Inodes).Run();
            });
        }
        return usage;
    }

    /// <summary>The folders' numbers that records name.</summary>
    public HashSet<long> KnownIds() => metadata.Database.Read(session =>
    {
        using Statement list = session.Prepare("SELECT id FROM snapshots WHERE snapshotter = ?1");
        list.Bind(1, Name);
        HashSet<long> ids = [];
        while (list.Step())
            ids.Add(list.Int64(0));
        return ids;
    });

    private void CheckFree(Session session, string ns, string name)
    {
        if (Find(session, ns, name) is not null)
            throw ContainerdError.AlreadyExists($"snapshot \"{name}\"");
    }

    private Row Get(Session session, string ns, string key) =>
        Find(session, ns, key) ?? throw ContainerdError.NotFound($"snapshot {key} does not exist");

    private Row? Find(Session session, string ns, string key)
    {
        using Statement get = session.Prepare("SELECT id, parent, kind, data FROM snapshots WHERE ns = ?1 AND snapshotter = ?2 AND name = ?3");
        return get.Bind(1, ns).Bind(2, Name).Bind(3, key).Step()
            ? new Row(get.Int64(0), get.Text(1), (Kind)get.Int64(2), Info.Parser.ParseFrom(get.Blob(3)))
            : null;
    }

    private List<long> Parents(Session session, string ns, string parent)
    {
        List<long> ids = [];
        while (parent.Length > 0)
        {
            Row row = Get(session, ns, parent);
            ids.Add(row.Id);
            parent = row.Parent;
        }
        return ids;
    }
}
