using AotRuntime.Digests;

namespace AotRuntime.Containerd;

/// <summary>
/// A write as the service sees it: onto the disk, or, where another namespace has the expected blob already, onto nothing until
/// someone writes something else.
/// </summary>
internal sealed class ContentWrite : IDisposable
{
    private readonly ContentStore _store;
    private readonly string _key;
    private readonly long _total;
    private readonly Sha2Algorithm _algorithm;
    private readonly string? _sharedDigest;
    private readonly long _sharedSize;
    private readonly DateTime _openedAt = DateTime.UtcNow;
    private ContentWriter? _writer;

    public ContentWrite(ContentStore store, string key, long total, Sha2Algorithm algorithm, string? sharedDigest, long sharedSize)
    {
        _store = store;
        _key = key;
        _total = total;
        _algorithm = algorithm;
        _sharedDigest = sharedDigest;
        _sharedSize = sharedSize;
        if (sharedDigest is null)
            _writer = store.OpenWriter(key, total, algorithm);
    }

    public long Offset => _writer?.Offset ?? _sharedSize;

    public string Digest => _writer?.Digest ?? _sharedDigest!;

    public DateTime StartedAt => _writer?.StartedAt ?? _openedAt;

    public DateTime UpdatedAt => _writer?.UpdatedAt ?? _openedAt;

    public void Truncate()
    {
        _writer ??= _store.OpenWriter(_key, _total, _algorithm);
        _writer.Truncate();
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        // Past the end of the shared blob: not the blob that was expected, and told so by its digest when it is committed.
        if (_writer is null)
            Truncate();
        _writer!.Write(bytes);
    }

    public void Sync() => _writer?.Sync();

    /// <inheritdoc cref="ContentWriter.Place"/>
    public string Place(string expected, string reference)
    {
        if (_writer is not null)
            return _writer.Place(expected);
        if (expected.Length > 0 && expected != _sharedDigest)
            throw ContainerdError.FailedPrecondition($"\"{reference}\" unexpected digest");
        if (_store.Size(_sharedDigest!) < 0)
            throw ContainerdError.Unavailable($"content {_sharedDigest} was removed meanwhile");
        return _sharedDigest!;
    }

    public void Dispose() => _writer?.Dispose();
}
