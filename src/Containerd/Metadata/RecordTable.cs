using AotRuntime.Storage;
using Google.Protobuf;

namespace AotRuntime.Containerd;

/// <summary>One kind of record, by namespace and name; a record is its own protobuf message.</summary>
internal sealed class RecordTable<T>(string table, MessageParser<T> parser) where T : class, IMessage<T>
{
    private readonly string _get = $"SELECT data FROM {table} WHERE ns = ?1 AND name = ?2";
    private readonly string _list = $"SELECT ns, name, data FROM {table} WHERE ns = ?1 ORDER BY name";
    private readonly string _all = $"SELECT ns, name, data FROM {table} ORDER BY ns, name";
    private readonly string _insert = $"INSERT OR IGNORE INTO {table} (ns, name, data) VALUES (?1, ?2, ?3)";
    private readonly string _update = $"UPDATE {table} SET data = ?3 WHERE ns = ?1 AND name = ?2";
    private readonly string _delete = $"DELETE FROM {table} WHERE ns = ?1 AND name = ?2";
    private readonly string _known = $"SELECT 1 FROM {table} WHERE name = ?1 LIMIT 1";
    private readonly string _any = $"SELECT 1 FROM {table} WHERE ns = ?1 LIMIT 1";

    /// <summary>The record, or null.</summary>
    public T? Get(Session session, string ns, string name)
    {
        using Statement get = session.Prepare(_get);
        return get.Bind(1, ns).Bind(2, name).Step() ? parser.ParseFrom(get.Blob(0)) : null;
    }

    /// <summary>The records of a namespace, by name.</summary>
    public List<T> List(Session session, string ns)
    {
        using Statement list = session.Prepare(_list);
        list.Bind(1, ns);
        List<T> records = [];
        while (list.Step())
            records.Add(parser.ParseFrom(list.Blob(2)));
        return records;
    }

    /// <summary>All records of all namespaces.</summary>
    public List<(string Namespace, string Name, T Record)> All(Session session)
    {
        using Statement list = session.Prepare(_all);
        List<(string, string, T)> records = [];
        while (list.Step())
            records.Add((list.Text(0), list.Text(1), parser.ParseFrom(list.Blob(2))));
        return records;
    }

    /// <summary>Adds a record, and its namespace where that is new.</summary>
    /// <returns>False where the name is taken.</returns>
    public bool Insert(Session session, string ns, string name, T record)
    {
        if (ns.Length > 0)
            MetadataStore.TouchNamespace(session, ns);
        using Statement insert = session.Prepare(_insert);
        insert.Bind(1, ns).Bind(2, name).Bind(3, record.ToByteArray()).Run();
        return session.Changes > 0;
    }

    /// <summary>Writes an existing record anew.</summary>
    public void Update(Session session, string ns, string name, T record)
    {
        using Statement update = session.Prepare(_update);
        update.Bind(1, ns).Bind(2, name).Bind(3, record.ToByteArray()).Run();
    }

    /// <summary>Removes a record; false where there is none.</summary>
    public bool Delete(Session session, string ns, string name)
    {
        using Statement delete = session.Prepare(_delete);
        delete.Bind(1, ns).Bind(2, name).Run();
        return session.Changes > 0;
    }

    /// <summary>Whether any namespace has one of that name.</summary>
    public bool IsKnown(Session session, string name)
    {
        using Statement known = session.Prepare(_known);
        return known.Bind(1, name).Step();
    }

    /// <summary>Whether the namespace has any.</summary>
    public bool Any(Session session, string ns)
    {
        using Statement any = session.Prepare(_any);
        return any.Bind(1, ns).Step();
    }
}
