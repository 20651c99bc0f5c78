using AotRuntime.Json;
using Google.Protobuf.Collections;

namespace AotRuntime.Containerd;

/// <summary>Something that the collector may keep or remove. <paramref name="Store"/> is a snapshotter's name, empty for other kinds.</summary>
internal readonly record struct GcNode(GcKind Kind, string Namespace, string Store, string Name);

internal enum GcKind
{
    Content,
    Snapshot,
    Image,
}

/// <summary>The labels that tell what needs what (containerd's docs/garbage-collection.md).</summary>
internal static class ReferenceLabels
{
    private const string Root = "containerd.io/gc.root";
    private const string Expire = "containerd.io/gc.expire";
    private const string Flat = "containerd.io/gc.flat";
    private const string ContentRef = "containerd.io/gc.ref.content";
    private const string SnapshotRef = "containerd.io/gc.ref.snapshot.";
    private const string ImageRef = "containerd.io/gc.ref.image";

    /// <summary>Whether the object stays without anyone naming it.</summary>
    public static bool IsRoot(MapField<string, string> labels) => labels.TryGetValue(Root, out string? value) && value.Length > 0;

    /// <summary>Whether a lease keeps its resources only, not what those refer to.</summary>
    public static bool IsFlat(MapField<string, string> labels) => labels.ContainsKey(Flat);

    /// <summary>When the object may go; null for never.</summary>
    public static DateTimeOffset? Expiry(MapField<string, string> labels) =>
        labels.TryGetValue(Expire, out string? value)
        && Rfc3339.TryParse(value, out DateTimeOffset time)
            ? time
            : null;

    /// <summary>What the object's labels refer to.</summary>
    public static IEnumerable<GcNode> References(string ns, MapField<string, string> labels)
    {
        foreach (KeyValuePair<string, string> label in labels)
        {
            if (HasSuffixedKey(label.Key, ContentRef))
            {
                yield return new GcNode(GcKind.Content, ns, "", label.Value);
            }
            else if (HasSuffixedKey(label.Key, ImageRef))
            {
                yield return new GcNode(GcKind.Image, ns, "", label.Value);
            }
            else if (label.Key.StartsWith(SnapshotRef, StringComparison.Ordinal))
            {
                // containerd.io/gc.ref.snapshot.SNAPSHOTTER[/ANYTHING]
                string snapshotter = label.Key[SnapshotRef.Length..];
                int slash = snapshotter.IndexOf('/', StringComparison.Ordinal);
                yield return new GcNode(GcKind.Snapshot, ns, slash < 0 ? snapshotter : snapshotter[..slash], label.Value);
            }
        }
    }

    // The key itself, or the key with anything behind a dot or a slash, which makes several of one kind possible.
    private static bool HasSuffixedKey(string key, string prefix) =>
        key.StartsWith(prefix, StringComparison.Ordinal) && (key.Length == prefix.Length || key[prefix.Length] is '.' or '/');
}
