using System.Globalization;
using System.Text;
using AotRuntime.Digests;
using AotRuntime.Json;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd;

/// <summary>A write that has begun and is not committed.</summary>
internal readonly record struct IngestStatus(string Key, long Offset, long Total, DateTime StartedAt, DateTime UpdatedAt);

/// <summary>
/// The files of the content store, in containerd's layout: <c>blobs/ALGORITHM/HEX</c>, and
/// <c>ingest/SHA256-OF-KEY/{data,ref,startedat,updatedat,total}</c> for writes under way.
/// </summary>
internal sealed class ContentStore
{
    private readonly string _root;
    private readonly Lock _opening = new();
    private readonly Dictionary<string, DateTime> _open = [];

    public ContentStore(string root)
    {
        _root = root;
        Directory.CreateDirectory(Path.Combine(root, "blobs", "sha256"));
        Directory.CreateDirectory(Path.Combine(root, "ingest"));
    }

    /// <summary>
    /// Held for reading while a blob is placed and recorded, for writing while one that nobody records is removed: a blob must not go
    /// between its placing and its record.
    /// </summary>
    public ReaderWriterLockSlim Placing { get; } = new();

    public string BlobPath(string digest)
    {
        ContentDigest.Check(digest);
        int colon = digest.IndexOf(':', StringComparison.Ordinal);
        return Path.Combine(_root, "blobs", digest[..colon], digest[(colon + 1)..]);
    }

    /// <summary>The size of a blob; -1 where it is not there.</summary>
    public long Size(string digest)
    {
        FileInfo file = new(BlobPath(digest));
        return file.Exists ? file.Length : -1;
    }

    public SafeFileHandle OpenRead(string digest)
    {
        try
        {
            return File.OpenHandle(BlobPath(digest), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw ContainerdError.NotFound($"blob {digest} expected at {BlobPath(digest)}");
        }
    }

    /// <summary>Whether a blob is what its name says. Reads all of it.</summary>
    public bool Verify(string digest)
    {
        Sha2Hash hash = new(ContentDigest.Algorithm(digest));
        HashFile(BlobPath(digest), hash);
        return digest.EndsWith($":{hash.CurrentHex()}", StringComparison.Ordinal);
    }

    /// <summary>Removes a blob that no record names; the caller holds <see cref="Placing"/> for writing.</summary>
    public void Remove(string digest) => File.Delete(BlobPath(digest));

    /// <summary>Digests of all blobs.</summary>
    public IEnumerable<string> Blobs()
    {
        foreach (string folder in Directory.EnumerateDirectories(Path.Combine(_root, "blobs")))
        {
            foreach (string file in Directory.EnumerateFiles(folder))
            {
                string digest = $"{Path.GetFileName(folder)}:{Path.GetFileName(file)}";
                if (ContentDigest.IsValid(digest))
                    yield return digest;
            }
        }
    }

    /// <summary>Begins a write, or goes on with one that was broken off.</summary>
    /// <exception cref="Rpc.RpcException">Unavailable: someone else is writing under this key.</exception>
    public ContentWriter OpenWriter(string key, long total, Sha2Algorithm algorithm)
    {
        lock (_opening)
        {
            if (_open.TryGetValue(key, out DateTime since))
            {
                string held = (DateTime.UtcNow - since).TotalSeconds.ToString("0.######", CultureInfo.InvariantCulture);
                throw ContainerdError.Unavailable($"ref {key} locked for {held}s (since {since:yyyy-MM-dd HH:mm:ss.fffffff} +0000 UTC)");
            }
            _open.Add(key, DateTime.UtcNow);
        }
        try
        {
            return Resume(key, total, algorithm);
        }
        catch
        {
            Release(key);
            throw;
        }
    }

    /// <summary>The state of a write; null where there is none.</summary>
    public IngestStatus? Status(string key) => StatusOf(IngestPath(key));

    /// <summary>All writes under way or broken off.</summary>
    public IEnumerable<IngestStatus> Ingests()
    {
        foreach (string folder in Directory.EnumerateDirectories(Path.Combine(_root, "ingest")))
        {
            if (StatusOf(folder) is { } status)
                yield return status;
        }
    }

    /// <summary>Forgets a write; false where there is none.</summary>
    public bool Abort(string key)
    {
        string folder = IngestPath(key);
        if (!Directory.Exists(folder))
            return false;
        Directory.Delete(folder, recursive: true);
        return true;
    }

    /// <summary>Whether someone has the write open.</summary>
    public bool IsOpen(string key)
    {
        lock (_opening)
            return _open.ContainsKey(key);
    }

    internal void Release(string key)
    {
        lock (_opening)
            _open.Remove(key);
    }

    internal static void WriteTimestamp(string path, DateTime time)
    {
        // Renamed into place, so that a reader never finds half a time.
        File.WriteAllText(path + ".tmp", time.ToString("yyyy-MM-ddTHH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture));
        File.Move(path + ".tmp", path, overwrite: true);
    }

    private string IngestPath(string key) =>
        Path.Combine(_root, "ingest", Sha2.Hex(Sha2Algorithm.Sha256, Encoding.UTF8.GetBytes(key)));

    private ContentWriter Resume(string key, long total, Sha2Algorithm algorithm)
    {
        string folder = IngestPath(key);
        string data = Path.Combine(folder, "data");
        Sha2Hash hash = new(algorithm);
        DateTime started = DateTime.UtcNow;
        DateTime updated = started;
        long offset = 0;

        if (StatusOf(folder) is { } status && status.Key == key && (total <= 0 || status.Total <= 0 || total == status.Total) && File.Exists(data))
        {
            started = status.StartedAt;
            updated = status.UpdatedAt;
            total = Math.Max(total, status.Total);
            offset = HashFile(data, hash);
        }
        else
        {
            // New, or what is there cannot be gone on with.
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, "ref"), key);
            WriteTimestamp(Path.Combine(folder, "startedat"), started);
            WriteTimestamp(Path.Combine(folder, "updatedat"), started);
            if (total > 0)
                File.WriteAllText(Path.Combine(folder, "total"), total.ToString(CultureInfo.InvariantCulture));
        }

        SafeFileHandle handle = File.OpenHandle(data, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        return new ContentWriter(this, key, folder, handle, hash, offset, total, started, updated);
    }

    private static long HashFile(string path, Sha2Hash hash)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        byte[] buffer = new byte[1 << 20];
        long length = 0;
        for (int n; (n = file.Read(buffer)) > 0; length += n)
            hash.Append(buffer.AsSpan(0, n));
        return length;
    }

    private static IngestStatus? StatusOf(string folder)
    {
        try
        {
            string key = File.ReadAllText(Path.Combine(folder, "ref"));
            FileInfo data = new(Path.Combine(folder, "data"));
            string totalFile = Path.Combine(folder, "total");
            _ = long.TryParse(File.Exists(totalFile) ? File.ReadAllText(totalFile) : "0", NumberStyles.None, CultureInfo.InvariantCulture, out long total);
            return new IngestStatus(
                key, data.Exists ? data.Length : 0, total,
                ReadTimestamp(Path.Combine(folder, "startedat")), data.Exists ? data.LastWriteTimeUtc : ReadTimestamp(Path.Combine(folder, "updatedat")));
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            // Half made when the power went, or removed while we looked: it counts as not there, and a new write replaces it.
            return null;
        }
    }

    private static DateTime ReadTimestamp(string path) =>
        Rfc3339.TryParse(File.ReadAllText(path), out DateTimeOffset time) ? time.UtcDateTime : throw new FormatException(path);

    /// <summary>Makes the entries of a folder durable.</summary>
    internal static void SyncFolder(string folder)
    {
        using SafeFileHandle handle = Sys.Open(folder, OpenFlags.ReadOnly | OpenFlags.Directory);
        RandomAccess.FlushToDisk(handle);
    }
}
