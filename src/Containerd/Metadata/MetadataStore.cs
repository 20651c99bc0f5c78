using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Images;
using AotRuntime.Rpc.Containerd.Leases;
using AotRuntime.Rpc.Containerd.Namespaces;
using AotRuntime.Storage;
using ContentInfo = AotRuntime.Rpc.Containerd.Content.Info;

namespace AotRuntime.Containerd;

/// <summary>All that containerd knows, in one database: every change is one transaction, on the disk before the caller hears of it.</summary>
internal sealed class MetadataStore : IDisposable
{
    private static readonly string[] s_schema =
    [
        """
        CREATE TABLE namespaces (ns TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (ns, name)) WITHOUT ROWID;
        CREATE TABLE images     (ns TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (ns, name)) WITHOUT ROWID;
        CREATE TABLE containers (ns TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (ns, name)) WITHOUT ROWID;
        CREATE TABLE content    (ns TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (ns, name)) WITHOUT ROWID;
        CREATE TABLE leases     (ns TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (ns, name)) WITHOUT ROWID;
        CREATE TABLE lease_resources (
            ns TEXT NOT NULL, lease TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
            PRIMARY KEY (ns, lease, type, id),
            FOREIGN KEY (ns, lease) REFERENCES leases (ns, name) ON DELETE CASCADE) WITHOUT ROWID;
        -- id names the snapshot's folder; AUTOINCREMENT, so that a folder still being removed never gets a new owner.
        CREATE TABLE snapshots (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            ns TEXT NOT NULL, snapshotter TEXT NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL,
            kind INTEGER NOT NULL, data BLOB NOT NULL, size INTEGER, inodes INTEGER,
            UNIQUE (ns, snapshotter, name));
        CREATE INDEX snapshots_parent ON snapshots (ns, snapshotter, parent);
        """,
    ];

    public MetadataStore(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Database = Database.Open(path, new DatabaseOptions { Schema = s_schema });
    }

    public Database Database { get; }

    public RecordTable<Namespace> Namespaces { get; } = new("namespaces", Namespace.Parser);

    public RecordTable<Image> Images { get; } = new("images", Image.Parser);

    public RecordTable<Container> Containers { get; } = new("containers", Container.Parser);

    public RecordTable<ContentInfo> Content { get; } = new("content", ContentInfo.Parser);

    public RecordTable<Lease> Leases { get; } = new("leases", Lease.Parser);

    /// <summary>Namespaces come to be with their first object.</summary>
    public static void TouchNamespace(Session session, string ns)
    {
        using Statement touch = session.Prepare("INSERT OR IGNORE INTO namespaces (ns, name, data) VALUES ('', ?1, ?2)");
        touch.Bind(1, ns).Bind(2, Google.Protobuf.MessageExtensions.ToByteArray(new Namespace { Name = ns })).Run();
    }

    /// <summary>Puts a resource under a lease; a null lease is none.</summary>
    public void AddToLease(Session session, string ns, string? lease, string type, string id)
    {
        if (lease is null)
            return;
        if (Leases.Get(session, ns, lease) is null)
            throw ContainerdError.NotFound("lease does not exist");
        using Statement add = session.Prepare("INSERT OR IGNORE INTO lease_resources (ns, lease, type, id) VALUES (?1, ?2, ?3, ?4)");
        add.Bind(1, ns).Bind(2, lease).Bind(3, type).Bind(4, id).Run();
    }

    /// <summary>Takes a resource out of one lease, or with a null lease out of all.</summary>
    public static void RemoveFromLease(Session session, string ns, string? lease, string type, string id)
    {
        using Statement remove = session.Prepare(
            lease is null
                ? "DELETE FROM lease_resources WHERE ns = ?1 AND type = ?2 AND id = ?3"
                : "DELETE FROM lease_resources WHERE ns = ?1 AND type = ?2 AND id = ?3 AND lease = ?4");
        remove.Bind(1, ns).Bind(2, type).Bind(3, id);
        if (lease is not null)
            remove.Bind(4, lease);
        remove.Run();
    }

    public void Dispose() => Database.Dispose();
}
