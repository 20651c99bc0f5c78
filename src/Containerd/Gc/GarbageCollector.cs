using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Events;
using Microsoft.Extensions.Logging;

namespace AotRuntime.Containerd;

/// <summary>Removes what nobody needs any more: records in one transaction, then, behind everyone's back, files and folders.</summary>
internal sealed partial class GarbageCollector : IAsyncDisposable
{
    private readonly MetadataStore _metadata;
    private readonly ContentStore _content;
    private readonly EventExchange _events;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _running = new(1, 1);
    private readonly Timer _timer;
    private readonly Lock _scheduling = new();
    private readonly HashSet<Task> _removals = [];
    private DateTimeOffset _next = DateTimeOffset.MaxValue;

    public GarbageCollector(MetadataStore metadata, ContentStore content, EventExchange events, ILogger logger)
    {
        _metadata = metadata;
        _content = content;
        _events = events;
        _logger = logger;
        _timer = new Timer(_ => _ = RunQuietlyAsync(), null, Timeout.Infinite, Timeout.Infinite);
    }

    /// <summary>How long after a deletion the collector runs; deletions meanwhile share the run.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a write that nobody leases or goes on with is kept.</summary>
    public TimeSpan IngestLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The snapshotters whose folders are removed. Set before the first run.</summary>
    public IReadOnlyList<SnapshotStore> Snapshotters { get; set; } = [];

    /// <summary>Runs soon.</summary>
    public void Schedule() => ScheduleAt(DateTimeOffset.UtcNow + Delay);

    /// <summary>Runs at a time, or before: when a lease ends.</summary>
    public void ScheduleAt(DateTimeOffset time)
    {
        lock (_scheduling)
        {
            if (time >= _next)
                return;
            _next = time;
            double wait = Math.Clamp((time - DateTimeOffset.UtcNow).TotalMilliseconds, 0, TimeSpan.FromDays(20).TotalMilliseconds);
            _timer.Change(TimeSpan.FromMilliseconds(wait), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Runs now and returns when all is gone, the files too.</summary>
    public async Task CollectAsync()
    {
        await _running.WaitAsync().ConfigureAwait(false);
        try
        {
            await Task.Run(Collect).ConfigureAwait(false);
        }
        finally
        {
            _running.Release();
        }
        await Task.WhenAll(Pending()).ConfigureAwait(false);
    }

    /// <summary>At the start: removes files that a crash left without records.</summary>
    /// <param name="keepBlobs">Keeps blobs without records: the records were lost, and a pull can take the blobs over.</param>
    public void CleanUp(bool keepBlobs)
    {
        foreach (SnapshotStore snapshotter in Snapshotters)
        {
            try
            {
                snapshotter.Driver.Clean(snapshotter.KnownIds());
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                LogFailed(_logger, e, snapshotter.Name);
            }
        }
        if (keepBlobs)
            return;
        try
        {
            RemoveBlobs(_content.Blobs());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailed(_logger, e, "content");
        }
    }

    /// <summary>Removes a snapshot's folder whose record is gone, in the background.</summary>
    public void RemoveFolder(SnapshotStore snapshotter, long id)
    {
        Task removal = Task.Run(() =>
        {
            try
            {
                snapshotter.Driver.Remove(id);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Still mounted, or an immutable file: the next start tries again.
                LogFailed(_logger, e, snapshotter.Name);
            }
        });
        lock (_scheduling)
            _removals.Add(removal);
        removal.ContinueWith(
            done =>
            {
                lock (_scheduling)
                    _removals.Remove(done);
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync().ConfigureAwait(false);
        await _running.WaitAsync().ConfigureAwait(false);
        await Task.WhenAll(Pending()).ConfigureAwait(false);
        _running.Dispose();
    }

    private Task[] Pending()
    {
        lock (_scheduling)
            return [.. _removals];
    }

    private async Task RunQuietlyAsync()
    {
        lock (_scheduling)
            _next = DateTimeOffset.MaxValue;
        try
        {
            await CollectAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            LogFailed(_logger, e, "gc");
        }
    }

    private void Collect()
    {
        Swept swept = _metadata.Database.Write(session => Marking.Run(_metadata, session, DateTimeOffset.UtcNow));
        RemoveBlobs(swept.Content.Select(c => c.Digest));
        foreach ((string ns, string digest) in swept.Content)
            _events.Publish(ns, "/content/delete", TypeUrls.ContentDelete, new ContentDelete { Digest = digest });
        foreach ((string ns, string snapshotter, string name, long id) in swept.Snapshots)
        {
            foreach (SnapshotStore store in Snapshotters)
            {
                if (store.Name == snapshotter)
                    RemoveFolder(store, id);
            }
            _events.Publish(ns, "/snapshot/remove", TypeUrls.SnapshotRemove, new SnapshotRemove { Key = name, Snapshotter = snapshotter });
        }
        foreach ((string ns, string name) in swept.Images)
            _events.Publish(ns, "/images/delete", TypeUrls.ImageDelete, new ImageDelete { Name = name });
        AbortStaleIngests(swept.LeasedIngests);
        if (swept.Content.Count + swept.Snapshots.Count > 0)
            LogCollected(_logger, swept.Content.Count, swept.Snapshots.Count);
    }

    private void RemoveBlobs(IEnumerable<string> digests)
    {
        foreach (string digest in digests)
        {
            _content.Placing.EnterWriteLock();
            try
            {
                if (!_metadata.Database.Read(session => _metadata.Content.IsKnown(session, digest)))
                    _content.Remove(digest);
            }
            finally
            {
                _content.Placing.ExitWriteLock();
            }
        }
    }

    private void AbortStaleIngests(HashSet<(string Namespace, string Reference)> leased)
    {
        foreach (IngestStatus ingest in _content.Ingests().ToList())
        {
            string[] parts = ingest.Key.Split('/', 3);
            bool held = parts.Length == 3 && leased.Contains((parts[0], parts[2]));
            if (!held && DateTime.UtcNow - ingest.UpdatedAt > IngestLifetime && !_content.IsOpen(ingest.Key))
                _content.Abort(ingest.Key);
        }
    }

#pragma warning disable SYSLIB1015 // Values outside the text become fields of the line.
    [LoggerMessage(Level = LogLevel.Debug, Message = "garbage collected")]
    private static partial void LogCollected(ILogger logger, int content, int snapshots);

    [LoggerMessage(Level = LogLevel.Warning, Message = "garbage could not be removed")]
    private static partial void LogFailed(ILogger logger, Exception error, string of);
#pragma warning restore SYSLIB1015
}
