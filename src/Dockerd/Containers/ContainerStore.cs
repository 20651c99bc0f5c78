using System.Text.Json;
using AotRuntime.Dockerd.Api;
using AotRuntime.Json;
using AotRuntime.Storage;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Dockerd.Containers;

/// <summary>The containers on disk: a change is either there in full after a crash, or not at all.</summary>
internal sealed partial class ContainerStore : IDisposable
{
    private static readonly DatabaseOptions s_options = new()
    {
        Schema = ["CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record BLOB NOT NULL)"],
    };

    private readonly Database _database;
    private readonly ILogger _log;

    /// <summary>Opens the store.</summary>
    public ContainerStore(string path, ILogger log)
    {
        _log = log;
        _database = Database.Open(path, s_options);
        if (_database.SetAside is { } aside)
            LogSetAside(log, path, aside, _database.SetAsideReason ?? "");
    }

    /// <summary>All containers. One whose record can't be read is reported and left where it is.</summary>
    public IReadOnlyList<ContainerRecord> Load() => _database.Read(session =>
    {
        List<ContainerRecord> records = [];
        using Statement select = session.Prepare("SELECT id, record FROM containers");
        while (select.Step())
        {
            try
            {
                if (JsonText.Parse(select.Blob(1), ContainerJsonContext.ContainerRecord) is { Id.Length: > 0 } record)
                    records.Add(record);
            }
            catch (JsonException e)
            {
                LogUnreadable(_log, select.Text(0), e);
            }
        }
        return records;
    });

    /// <summary>Adds a container.</summary>
    /// <exception cref="ApiException">409: the name is taken.</exception>
    public void Add(ContainerRecord record) => _database.Write(session =>
    {
        using Statement find = session.Prepare("SELECT id FROM containers WHERE name = ?1");
        if (find.Bind(1, record.Name).Step())
            throw NameConflict(record.Name, find.Text(0));
        using Statement insert = session.Prepare("INSERT INTO containers (id, name, record) VALUES (?1, ?2, ?3)");
        insert.Bind(1, record.Id).Bind(2, record.Name).Bind(3, Serialize(record)).Run();
    });

    /// <summary>Writes a container as it is now.</summary>
    public void Save(ContainerRecord record) => _database.Write(session => Update(session, record));

    /// <summary>
    /// Writes a container as it is now, for the next daemon in case this one is killed. After a loss of power nothing runs any more, so the
    /// disk need not have it at once.
    /// </summary>
    public void SaveForSuccessor(ContainerRecord record) => _database.WriteWithoutSync(session => Update(session, record));

    /// <summary>Removes a container.</summary>
    public void Remove(string id) => _database.Write(session =>
    {
        using Statement delete = session.Prepare("DELETE FROM containers WHERE id = ?1");
        delete.Bind(1, id).Run();
    });

    /// <summary>Docker's error for a name that is taken.</summary>
    public static ApiException NameConflict(string name, string id) => ApiException.Conflict(
        $"Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name.");

    /// <inheritdoc/>
    public void Dispose() => _database.Dispose();

    private static void Update(Session session, ContainerRecord record)
    {
        using Statement update = session.Prepare("UPDATE containers SET name = ?2, record = ?3 WHERE id = ?1");
        update.Bind(1, record.Id).Bind(2, record.Name).Bind(3, Serialize(record)).Run();
    }

    private static byte[] Serialize(ContainerRecord record) => JsonText.ToBytes(record, ContainerJsonContext.ContainerRecord);

    [LoggerMessage(Level = LogLevel.Error, Message = "container store {path} was damaged and set aside as {aside}: {reason}")]
    private static partial void LogSetAside(ILogger log, string path, string aside, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "failed to load container {id}")]
    private static partial void LogUnreadable(ILogger log, string id, Exception error);
}
