using AotRuntime.Digests;
using AotRuntime.Rpc;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd;

/// <summary>One open write. Disposing it without a commit keeps what was written, to be gone on with later.</summary>
internal sealed class ContentWriter : IDisposable
{
    private readonly ContentStore _store;
    private readonly string _folder;
    private readonly Sha2Hash _hash;
    private readonly bool _resumed;
    private SafeFileHandle? _data;

    internal ContentWriter(
        ContentStore store, string key, string folder, SafeFileHandle data, Sha2Hash hash,
        long offset, long total, DateTime startedAt, DateTime updatedAt)
    {
        _store = store;
        Key = key;
        _folder = folder;
        _data = data;
        _hash = hash;
        Offset = offset;
        _resumed = offset > 0;
        Total = total;
        StartedAt = startedAt;
        UpdatedAt = updatedAt;
    }

    public string Key { get; }

    /// <summary>How much is written.</summary>
    public long Offset { get; private set; }

    /// <summary>How much there will be; 0 where nobody said.</summary>
    public long Total { get; }

    public DateTime StartedAt { get; }

    public DateTime UpdatedAt { get; private set; }

    /// <summary>The digest of what is written so far.</summary>
    public string Digest => $"{_hash.Algorithm.Name()}:{_hash.CurrentHex()}";

    private SafeFileHandle Data => _data ?? throw ContainerdError.FailedPrecondition("cannot commit on closed writer");

    public void Write(ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(Data, bytes, Offset);
        _hash.Append(bytes);
        Offset += bytes.Length;
        UpdatedAt = DateTime.UtcNow;
    }

    /// <summary>Begins anew.</summary>
    public void Truncate()
    {
        RandomAccess.SetLength(Data, 0);
        _hash.Reset();
        Offset = 0;
    }

    /// <summary>
    /// Checks what was written against what was promised and puts it into its place, synced: file first, then name. The caller holds
    /// <see cref="ContentStore.Placing"/> for reading, and has called <see cref="Sync"/> before taking it.
    /// </summary>
    /// <returns>The digest.</returns>
    public string Place(string expected)
    {
        string actual = Digest;
        if (expected.Length > 0 && expected != actual)
        {
            // What an earlier try left may be what is wrong (a power cut in the middle of it): the next one shall not build on it again.
            if (_resumed)
                Truncate();
            throw ContainerdError.FailedPrecondition($"unexpected commit digest {actual}, expected {expected}");
        }

        string target = _store.BlobPath(actual);
        string blobs = Path.GetDirectoryName(target)!;
        Directory.CreateDirectory(blobs);
        // In place of what may be there: this one has just been checked.
        File.SetUnixFileMode(Data, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        File.Move(Path.Combine(_folder, "data"), target, overwrite: true);
        ContentStore.SyncFolder(blobs);
        Close();
        Directory.Delete(_folder, recursive: true);
        return actual;
    }

    /// <summary>Waits until the disk has the data.</summary>
    public void Sync() => RandomAccess.FlushToDisk(Data);

    public void Dispose()
    {
        if (_data is null)
            return;
        try
        {
            if (Directory.Exists(_folder))
                ContentStore.WriteTimestamp(Path.Combine(_folder, "updatedat"), UpdatedAt);
        }
        finally
        {
            Close();
        }
    }

    private void Close()
    {
        _data?.Dispose();
        _data = null;
        _store.Release(Key);
    }
}
