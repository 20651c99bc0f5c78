using SQLitePCL;

namespace AotRuntime.Storage;

/// <summary>
/// A prepared statement on loan from a <see cref="Session"/>: bind (indexes from 1, as SQL's <c>?1</c>), step, read columns (from 0), dispose.
/// </summary>
public sealed class Statement : IDisposable
{
    private readonly Connection _connection;
    private readonly string _sql;
    private sqlite3_stmt? _statement;

    internal Statement(Connection connection, string sql, sqlite3_stmt statement)
    {
        _connection = connection;
        _sql = sql;
        _statement = statement;
    }

    private sqlite3_stmt Native => _statement ?? throw new ObjectDisposedException(nameof(Statement));

    /// <summary>Binds a text; null is NULL.</summary>
    public Statement Bind(int index, string? value)
    {
        _connection.Check(value is null ? raw.sqlite3_bind_null(Native, index) : raw.sqlite3_bind_text(Native, index, value));
        return this;
    }

    /// <summary>Binds a whole number.</summary>
    public Statement Bind(int index, long value)
    {
        _connection.Check(raw.sqlite3_bind_int64(Native, index, value));
        return this;
    }

    /// <summary>Binds bytes (a copy is made).</summary>
    public Statement Bind(int index, ReadOnlySpan<byte> value)
    {
        _connection.Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(Native, index, 0) : raw.sqlite3_bind_blob(Native, index, value));
        return this;
    }

    /// <summary>Goes to the next row; false at the end.</summary>
    public bool Step()
    {
        int result = raw.sqlite3_step(Native);
        _connection.Check(result);
        return result == raw.SQLITE_ROW;
    }

    /// <summary>Runs a statement that gives no rows, and makes it ready for other values.</summary>
    public void Run()
    {
        while (Step())
        {
        }
        raw.sqlite3_reset(Native);
    }

    /// <summary>Makes it ready to be run again.</summary>
    public void Reset() => raw.sqlite3_reset(Native);

    /// <summary>Whether the column is NULL.</summary>
    public bool IsNull(int column) => raw.sqlite3_column_type(Native, column) == raw.SQLITE_NULL;

    /// <summary>The column as a text; NULL gives an empty one.</summary>
    public string Text(int column) => raw.sqlite3_column_text(Native, column).utf8_to_string() ?? "";

    /// <summary>The column as a number; NULL gives 0.</summary>
    public long Int64(int column) => raw.sqlite3_column_int64(Native, column);

    /// <summary>The column's bytes, valid until the next step.</summary>
    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(Native, column);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_statement is null)
            return;
        _connection.Return(_sql, _statement);
        _statement = null;
    }
}
