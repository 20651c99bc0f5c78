using System.Runtime.CompilerServices;

namespace AotRuntime.Dockerd.Logs;

/// <summary>What a client wants of a log.</summary>
internal sealed record LogQuery
{
    /// <summary>Wait for more while the container runs.</summary>
    public bool Follow { get; init; }

    /// <summary>How many of the last entries; negative for all.</summary>
    public long Tail { get; init; } = -1;

    /// <summary>Only what is not older.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only what is older.</summary>
    public DateTimeOffset? Until { get; init; }
}

/// <summary>Reads a log, over rotated files, and goes on with what is being written.</summary>
internal static class LogReader
{
    private const int BlockBytes = 64 * 1024;

    /// <summary>A longer entry is taken for damage: 16 KiB can't become more by escaping.</summary>
    private const int MaxEntryBytes = 1024 * 1024;

    /// <summary>Reads entries in order; damaged ones (a power loss leaves zeros behind) are passed over.</summary>
    public static async IAsyncEnumerable<LogEntry> ReadAsync(
        JsonFileLog log, LogQuery query, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        IReadOnlyList<string> files = log.Files();
        int generation = log.Generation;
        (int index, long offset) = FindTail(files, query.Tail);
        FileStream? current = null;
        try
        {
            for (; index < files.Count; index++, offset = 0)
            {
                current?.Dispose();
                current = TryOpen(files[index], offset);
                if (current is null)
                    continue;
                await foreach (LogEntry entry in ReadToEndAsync(current, cancellationToken).ConfigureAwait(false))
                {
                    if (query.Until is { } until && entry.Time > until)
                        yield break;
                    if (query.Since is null || entry.Time >= query.Since)
                        yield return entry;
                }
            }
            while (query.Follow)
            {
                // Taken before looking, so that nothing that happens in between is missed.
                Task change = log.NextChange;
                bool running = log.Running;
                bool rotated = log.Generation != generation;
                if (current is null || rotated)
                {
                    if (current is not null)
                    {
                        await foreach (LogEntry entry in ReadToEndAsync(current, cancellationToken).ConfigureAwait(false))
                            yield return entry;
                        current.Dispose();
                    }
                    generation = log.Generation;
                    current = TryOpen(log.Path, 0);
                }
                if (current is not null)
                {
                    await foreach (LogEntry entry in ReadToEndAsync(current, cancellationToken).ConfigureAwait(false))
                    {
                        if (query.Until is { } until && entry.Time > until)
                            yield break;
                        if (query.Since is null || entry.Time >= query.Since)
                            yield return entry;
                    }
                }
                if (!running)
                    yield break;
                if (query.Until is { } end)
                {
                    TimeSpan left = end - DateTimeOffset.UtcNow;
                    if (left <= TimeSpan.Zero)
                        yield break;
                    await Task.WhenAny(change, Task.Delay(left, cancellationToken)).ConfigureAwait(false);
                    cancellationToken.ThrowIfCancellationRequested();
                }
                else
                {
                    await change.WaitAsync(cancellationToken).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            current?.Dispose();
        }
    }

    /// <summary>The file and offset at which the last <paramref name="tail"/> entries begin.</summary>
    private static (int Index, long Offset) FindTail(IReadOnlyList<string> files, long tail)
    {
        if (tail < 0)
            return (0, 0);
        for (int i = files.Count - 1; i >= 0; i--)
        {
            using FileStream? file = TryOpen(files[i], 0);
            if (file is null)
                continue;
            long offset = FindTail(file, ref tail);
            if (offset >= 0)
                return (i, offset);
        }
        return (0, 0);
    }

    private static long FindTail(FileStream file, ref long tail)
    {
        byte[] block = new byte[BlockBytes];
        long end = file.Length;
        if (tail == 0)
            return end;
        for (long at = end; at > 0;)
        {
            int length = (int)Math.Min(BlockBytes, at);
            at -= length;
            file.Position = at;
            file.ReadExactly(block.AsSpan(0, length));
            for (int i = length - 1; i >= 0; i--)
            {
                // The newline of the last entry ends it; each one before begins an entry.
                if (block[i] != '\n' || at + i + 1 == end)
                    continue;
                if (--tail == 0)
                    return at + i + 1;
            }
        }
        if (end > 0)
            tail--;
        return tail == 0 ? 0 : -1;
    }

    private static FileStream? TryOpen(string path, long offset)
    {
        try
        {
            FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0);
            file.Position = offset;
            return file;
        }
        catch (IOException)
        {
            return null; // no run yet, or rotated away meanwhile
        }
    }

    private static async IAsyncEnumerable<LogEntry> ReadToEndAsync(FileStream file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[BlockBytes];
        int filled = 0;
        while (true)
        {
            int count = await file.ReadAsync(buffer.AsMemory(filled), cancellationToken).ConfigureAwait(false);
            if (count == 0)
                break;
            filled += count;
            int start = 0, newline;
            while ((newline = buffer.AsSpan(start, filled - start).IndexOf((byte)'\n')) >= 0)
            {
                if (JsonLogLine.TryRead(buffer.AsSpan(start, newline).TrimStart((byte)0), out LogEntry entry))
                    yield return entry;
                start += newline + 1;
            }
            buffer.AsSpan(start, filled - start).CopyTo(buffer);
            filled -= start;
            if (filled == buffer.Length)
            {
                if (buffer.Length >= MaxEntryBytes)
                    filled = 0;
                else
                    Array.Resize(ref buffer, buffer.Length * 2);
            }
        }
        // An entry that is only half there is read again once it is whole.
        file.Position -= filled;
    }
}
