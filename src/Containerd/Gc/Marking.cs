using AotRuntime.Rpc.Containerd.Containers;
using AotRuntime.Rpc.Containerd.Images;
using AotRuntime.Rpc.Containerd.Leases;
using AotRuntime.Storage;
using ContentInfo = AotRuntime.Rpc.Containerd.Content.Info;
using SnapshotInfo = AotRuntime.Rpc.Containerd.Snapshots.Info;

namespace AotRuntime.Containerd;

/// <summary>What a collection found to be in nobody's use, and removed from the records; its files are still there.</summary>
internal sealed record Swept(
    List<(string Namespace, string Digest)> Content, List<(string Namespace, string Snapshotter, string Name, long Id)> Snapshots,
    List<(string Namespace, string Name)> Images, HashSet<(string Namespace, string Reference)> LeasedIngests);

/// <summary>
/// Mark and sweep over the records, in one transaction. Roots are images, containers' snapshots, what leases hold, and what says so
/// itself; labels lead from there on. Leases and images whose time has come are removed first.
/// </summary>
internal sealed class Marking
{
    private readonly MetadataStore _metadata;
    private readonly Session _session;
    private readonly DateTimeOffset _now;
    private readonly Dictionary<GcNode, Google.Protobuf.Collections.MapField<string, string>> _labels = [];
    private readonly Dictionary<GcNode, GcNode> _parents = [];
    private readonly Dictionary<GcNode, long> _snapshotIds = [];
    private readonly Dictionary<GcNode, GcNode> _targets = [];
    private readonly HashSet<GcNode> _marked = [];
    private readonly Stack<GcNode> _pending = new();

    private Marking(MetadataStore metadata, Session session, DateTimeOffset now)
    {
        _metadata = metadata;
        _session = session;
        _now = now;
    }

    /// <summary>Collects within the caller's transaction.</summary>
    public static Swept Run(MetadataStore metadata, Session session, DateTimeOffset now)
    {
        Marking marking = new(metadata, session, now);
        marking.Load();
        HashSet<(string, string)> leasedIngests = marking.MarkLeases();
        List<(string, string)> expired = marking.MarkImages();
        marking.MarkRest();
        marking.Follow();
        return marking.Sweep(expired, leasedIngests);
    }

    private void Load()
    {
        foreach ((string ns, string name, ContentInfo info) in _metadata.Content.All(_session))
            _labels[new GcNode(GcKind.Content, ns, "", name)] = info.Labels;
        foreach ((string ns, string name, Image image) in _metadata.Images.All(_session))
        {
            GcNode node = new(GcKind.Image, ns, "", name);
            _labels[node] = image.Labels;
            _targets[node] = new GcNode(GcKind.Content, ns, "", image.Target?.Digest ?? "");
        }

        using Statement list = _session.Prepare("SELECT id, ns, snapshotter, name, parent, data FROM snapshots");
        while (list.Step())
        {
            GcNode node = new(GcKind.Snapshot, list.Text(1), list.Text(2), list.Text(3));
            _snapshotIds[node] = list.Int64(0);
            _labels[node] = SnapshotInfo.Parser.ParseFrom(list.Blob(5)).Labels;
            if (list.Text(4) is { Length: > 0 } parent)
                _parents[node] = node with { Name = parent };
        }
    }

    private HashSet<(string Namespace, string Reference)> MarkLeases()
    {
        Dictionary<(string, string), bool> flat = [];
        foreach ((string ns, string name, Lease lease) in _metadata.Leases.All(_session))
        {
            if (ReferenceLabels.Expiry(lease.Labels) is { } expiry && expiry <= _now)
                _metadata.Leases.Delete(_session, ns, name);
            else
                flat[(ns, name)] = ReferenceLabels.IsFlat(lease.Labels);
        }

        HashSet<(string, string)> ingests = [];
        using Statement list = _session.Prepare("SELECT ns, lease, type, id FROM lease_resources");
        while (list.Step())
        {
            string ns = list.Text(0);
            if (!flat.TryGetValue((ns, list.Text(1)), out bool isFlat))
                continue;
            string type = list.Text(2);
            string id = list.Text(3);
            GcNode node;
            if (type == "content")
                node = new GcNode(GcKind.Content, ns, "", id);
            else if (type == "images")
                node = new GcNode(GcKind.Image, ns, "", id);
            else if (type.StartsWith("snapshots/", StringComparison.Ordinal))
                node = new GcNode(GcKind.Snapshot, ns, type["snapshots/".Length..], id);
            else
            {
                ingests.Add((ns, id));
                continue;
            }
            if (isFlat)
                _marked.Add(node);
            else
                _pending.Push(node);
        }
        return ingests;
    }

    private List<(string Namespace, string Name)> MarkImages()
    {
        List<(string, string)> expired = [];
        foreach (GcNode image in _targets.Keys)
        {
            if (ReferenceLabels.Expiry(_labels[image]) is { } expiry && expiry <= _now)
                expired.Add((image.Namespace, image.Name));
            else
                _pending.Push(image);
        }
        return expired;
    }

    private void MarkRest()
    {
        foreach ((string ns, _, Container container) in _metadata.Containers.All(_session))
        {
            if (container.SnapshotKey.Length > 0)
                _pending.Push(new GcNode(GcKind.Snapshot, ns, container.Snapshotter, container.SnapshotKey));
            foreach (GcNode reference in ReferenceLabels.References(ns, container.Labels))
                _pending.Push(reference);
        }
        foreach ((GcNode node, Google.Protobuf.Collections.MapField<string, string> labels) in _labels)
        {
            if (ReferenceLabels.IsRoot(labels) || (node.Kind != GcKind.Image && ReferenceLabels.Expiry(labels) > _now))
                _pending.Push(node);
        }
    }

    private void Follow()
    {
        HashSet<GcNode> followed = [];
        while (_pending.TryPop(out GcNode node))
        {
            if (!followed.Add(node))
                continue;
            _marked.Add(node);
            if (_targets.TryGetValue(node, out GcNode target))
                _pending.Push(target);
            if (_parents.TryGetValue(node, out GcNode parent))
                _pending.Push(parent);
            if (!_labels.TryGetValue(node, out Google.Protobuf.Collections.MapField<string, string>? labels))
                continue;
            foreach (GcNode reference in ReferenceLabels.References(node.Namespace, labels))
                _pending.Push(reference);
        }
        // A flat lease does not follow labels, but a snapshot is nothing without its parents.
        foreach (GcNode node in _marked.ToArray())
        {
            for (GcNode at = node; _parents.TryGetValue(at, out GcNode parent) && _marked.Add(parent);)
                at = parent;
        }
    }

    private Swept Sweep(List<(string Namespace, string Name)> expiredImages, HashSet<(string, string)> leasedIngests)
    {
        Swept swept = new([], [], [], leasedIngests);
        foreach ((string ns, string name) in expiredImages)
        {
            if (_marked.Contains(new GcNode(GcKind.Image, ns, "", name)))
                continue;
            _metadata.Images.Delete(_session, ns, name);
            swept.Images.Add((ns, name));
        }
        using Statement delete = _session.Prepare("DELETE FROM snapshots WHERE id = ?1");
        foreach (GcNode node in _labels.Keys)
        {
            if (_marked.Contains(node))
                continue;
            if (node.Kind == GcKind.Content)
            {
                _metadata.Content.Delete(_session, node.Namespace, node.Name);
                swept.Content.Add((node.Namespace, node.Name));
            }
            else if (node.Kind == GcKind.Snapshot)
            {
                delete.Bind(1, _snapshotIds[node]).Run();
                swept.Snapshots.Add((node.Namespace, node.Store, node.Name, _snapshotIds[node]));
            }
        }
        return swept;
    }
}
