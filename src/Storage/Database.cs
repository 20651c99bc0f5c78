using System.Globalization;
using SQLitePCL;

namespace AotRuntime.Storage;

/// <summary>
/// A small database in one file (WAL; a commit returns once the disk has it). Thread-safe: one writer at a time, and readers on
/// a connection of their own, so that they never wait for a writer's disk.
/// </summary>
public sealed class Database : IDisposable
{
    private readonly Lock _writing = new();
    private readonly Lock _reading;
    private readonly Connection _writer;
    private readonly Connection _reader;
    private readonly string _synchronous;

    private Database(string path, DatabaseOptions options)
    {
        Path = path;
        bool inMemory = path == ":memory:";
        _writer = new Connection(path, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE, options.BusyTimeout);
        try
        {
            _writer.Execute("PRAGMA journal_mode=WAL");
            _synchronous = options.Durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL";
            _writer.Execute(_synchronous);
            _writer.Execute("PRAGMA foreign_keys=ON");
            CheckWhole();
            Migrate(options.Schema);
            // A memory database exists in its one connection only.
            _reader = inMemory ? _writer : new Connection(path, raw.SQLITE_OPEN_READWRITE, options.BusyTimeout);
            _reading = inMemory ? _writing : new Lock();
            if (!inMemory)
                _reader.Execute("PRAGMA query_only=ON");
        }
        catch
        {
            _writer.Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Whether the file was new, or empty, when it was opened.</summary>
    public bool IsNew { get; private set; }

    /// <summary>Where a damaged or unreadable file was moved to when this one was made in its place; null in the usual case. Report it.</summary>
    public string? SetAside { get; private init; }

    /// <summary>Why <see cref="SetAside"/> happened.</summary>
    public string? SetAsideReason { get; private init; }

    /// <summary>
    /// Opens the database, made where it is missing. A damaged, unreadable or newer file is renamed to <c>NAME.corrupt-TIME</c> and a
    /// fresh one is made: lost records are worse than none only as long as nothing runs at all.
    /// </summary>
    /// <exception cref="StorageException">The folder cannot be written, the disk is full, or another process holds the file.</exception>
    public static Database Open(string path, DatabaseOptions? options = null)
    {
        options ??= new DatabaseOptions();
        string reason;
        try
        {
            return new Database(path, options);
        }
        catch (StorageException e) when (e.IsCorruption || (e.Code is raw.SQLITE_CANTOPEN or raw.SQLITE_PERM && Exists(path)))
        {
            reason = e.Message;
        }

        string aside = MoveAside(path);
        return new Database(path, options) { SetAside = aside, SetAsideReason = reason };
    }

    /// <summary>Reads; several statements see one state.</summary>
    public T Read<T>(Func<Session, T> body)
    {
        lock (_reading)
        {
            if (!_reader.InAutoCommit)
                return body(new Session(_reader));
            _reader.Execute("BEGIN");
            try
            {
                return body(new Session(_reader));
            }
            finally
            {
                _reader.Execute("COMMIT");
            }
        }
    }

    /// <summary>
    /// Writes in one transaction: all of <paramref name="body"/> is on the disk when this returns, or, when the body throws, nothing
    /// of it. A nested call joins the outer transaction.
    /// </summary>
    public T Write<T>(Func<Session, T> body)
    {
        lock (_writing)
        {
            if (!_writer.InAutoCommit)
                return body(new Session(_writer));
            _writer.Execute("BEGIN IMMEDIATE");
            try
            {
                T result = body(new Session(_writer));
                _writer.Execute("COMMIT");
                return result;
            }
            catch
            {
                // SQLite has already rolled back after some errors (a full disk): a second ROLLBACK would hide the first error.
                if (!_writer.InAutoCommit)
                    _writer.Execute("ROLLBACK");
                throw;
            }
        }
    }

    /// <inheritdoc cref="Write{T}"/>
    public void Write(Action<Session> body) => Write(session =>
    {
        body(session);
        return true;
    });

    /// <summary>
    /// As <see cref="Write(Action{Session})"/>, but without waiting for the disk: the change outlives this process from now on, and a loss
    /// of power only once a later write has returned.
    /// </summary>
    public void WriteWithoutSync(Action<Session> body)
    {
        lock (_writing)
        {
            // The setting cannot be changed within a transaction, and an outer one decides anyway.
            if (!_writer.InAutoCommit)
            {
                Write(body);
                return;
            }
            _writer.Execute("PRAGMA synchronous=NORMAL");
            try
            {
                Write(body);
            }
            finally
            {
                _writer.Execute(_synchronous);
            }
        }
    }

    /// <summary>Closes; the write-ahead log is folded into the file.</summary>
    public void Dispose()
    {
        lock (_writing)
        {
            if (!ReferenceEquals(_reader, _writer))
            {
                lock (_reading)
                    _reader.Dispose();
            }
            _writer.Dispose();
        }
    }

    private void CheckWhole()
    {
        using Statement check = _writer.Prepare("PRAGMA quick_check(1)");
        if (!check.Step() || check.Text(0) != "ok")
            throw new StorageException($"{Path}: {check.Text(0)}", raw.SQLITE_CORRUPT);
    }

    private void Migrate(IReadOnlyList<string> schema)
    {
        long version;
        using (Statement read = _writer.Prepare("PRAGMA user_version"))
            version = read.Step() ? read.Int64(0) : 0;
        if (version > schema.Count)
        {
            throw new StorageException(
                string.Create(CultureInfo.InvariantCulture, $"{Path}: schema version {version} is newer than {schema.Count}"), raw.SQLITE_NOTADB);
        }
        IsNew = version == 0;
        for (int next = (int)version; next < schema.Count; next++)
        {
            _writer.Execute("BEGIN IMMEDIATE");
            _writer.Execute(schema[next]);
            _writer.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version={next + 1}"));
            _writer.Execute("COMMIT");
        }
    }

    private static bool Exists(string path) => File.Exists(path) || Directory.Exists(path);

    private static string MoveAside(string path)
    {
        string aside = $"{path}.corrupt-{DateTime.UtcNow.ToString("yyyyMMddTHHmmssfff", CultureInfo.InvariantCulture)}";
        // The write-ahead log belongs to the file that it was written for: left behind, SQLite would replay it into the new one.
        foreach (string suffix in (ReadOnlySpan<string>)["", "-wal", "-shm"])
        {
            if (Directory.Exists(path + suffix))
                Directory.Move(path + suffix, aside + suffix);
            else if (File.Exists(path + suffix))
                File.Move(path + suffix, aside + suffix);
        }
        return aside;
    }
}
