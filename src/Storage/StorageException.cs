namespace AotRuntime.Storage;

/// <summary>What SQLite refused, with its result code (sqlite.org/rescode.html).</summary>
public sealed class StorageException(string message, int code) : IOException(message)
{
    /// <summary>SQLite's primary result code.</summary>
    public int Code { get; } = code & 0xff;

    /// <summary>Whether the file itself is damaged, and not just busy, full or out of reach.</summary>
    public bool IsCorruption => Code is SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB;
}
