using SQLitePCL;

namespace AotRuntime.Storage;

/// <summary>One SQLite connection and its prepared statements. Used under its owner's lock only.</summary>
internal sealed class Connection : IDisposable
{
    private readonly Dictionary<string, Stack<sqlite3_stmt>> _idle = [];
    private readonly sqlite3 _db;

    static Connection() => raw.SetProvider(new SQLite3Provider_sqlite3());

    public Connection(string path, int flags, TimeSpan busyTimeout)
    {
        // NOMUTEX: the owner's lock already lets one thread in at a time.
        int result = raw.sqlite3_open_v2(path, out _db, flags | raw.SQLITE_OPEN_NOMUTEX, null);
        if (result != raw.SQLITE_OK)
        {
            StorageException e = new($"open {path}: {raw.sqlite3_errstr(result).utf8_to_string()}", result);
            _db.Dispose();
            throw e;
        }
        raw.sqlite3_busy_timeout(_db, (int)busyTimeout.TotalMilliseconds);
    }

    public sqlite3 Handle => _db;

    public int Changes => raw.sqlite3_changes(_db);

    public long LastInsertRowId => raw.sqlite3_last_insert_rowid(_db);

    /// <summary>Whether no transaction is open.</summary>
    public bool InAutoCommit => raw.sqlite3_get_autocommit(_db) != 0;

    public void Execute(string sql) => Check(raw.sqlite3_exec(_db, sql));

    public Statement Prepare(string sql)
    {
        if (_idle.TryGetValue(sql, out Stack<sqlite3_stmt>? idle) && idle.TryPop(out sqlite3_stmt? ready))
            return new Statement(this, sql, ready);
        Check(raw.sqlite3_prepare_v3(_db, sql, raw.SQLITE_PREPARE_PERSISTENT, out sqlite3_stmt made));
        return new Statement(this, sql, made);
    }

    /// <summary>Takes a statement back for the next one who asks for the same text.</summary>
    public void Return(string sql, sqlite3_stmt statement)
    {
        raw.sqlite3_reset(statement);
        raw.sqlite3_clear_bindings(statement);
        if (!_idle.TryGetValue(sql, out Stack<sqlite3_stmt>? idle))
            _idle[sql] = idle = new();
        idle.Push(statement);
    }

    public void Check(int result)
    {
        if (result is not (raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE))
            throw new StorageException(raw.sqlite3_errmsg(_db).utf8_to_string(), raw.sqlite3_extended_errcode(_db));
    }

    public void Dispose()
    {
        foreach (Stack<sqlite3_stmt> statements in _idle.Values)
        {
            foreach (sqlite3_stmt statement in statements)
                statement.Dispose();
        }
        _idle.Clear();
        _db.Dispose();
    }
}
