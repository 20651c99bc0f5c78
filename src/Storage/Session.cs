namespace AotRuntime.Storage;

/// <summary>Access to a database for the length of one <see cref="Database.Read{T}"/> or <see cref="Database.Write{T}"/>.</summary>
public readonly struct Session
{
    private readonly Connection _connection;

    internal Session(Connection connection) => _connection = connection;

    /// <summary>Rows that the last statement changed.</summary>
    public int Changes => _connection.Changes;

    /// <summary>The row id of the last INSERT.</summary>
    public long LastInsertRowId => _connection.LastInsertRowId;

    /// <summary>A statement; dispose it after use (the next caller with the same text gets it ready-made).</summary>
    public Statement Prepare(string sql) => _connection.Prepare(sql);

    /// <summary>Runs SQL without values or rows.</summary>
    public void Execute(string sql) => _connection.Execute(sql);
}
