namespace AotRuntime.Storage;

/// <summary>How a database is opened.</summary>
public sealed class DatabaseOptions
{
    /// <summary>
    /// The schema's steps, each the SQL that takes the file from version i to i + 1 (PRAGMA user_version). Never change one that
    /// was released; append.
    /// </summary>
    public IReadOnlyList<string> Schema { get; init; } = [];

    /// <summary>How long a statement waits for another process's lock.</summary>
    public TimeSpan BusyTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// False for data that can be made again, where a lost second does not matter: commits then do not wait for the disk
    /// (synchronous=NORMAL; the file stays consistent).
    /// </summary>
    public bool Durable { get; init; } = true;
}
