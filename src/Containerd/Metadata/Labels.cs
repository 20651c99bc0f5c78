using System.Text;
using AotRuntime.Rpc;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd;

/// <summary>Labels, containerd's way of saying anything about an object.</summary>
internal static class Labels
{
    // containerd's limit of a key and its value together.
    private const int MaxSize = 4096;

    /// <summary>Checks the size of each label.</summary>
    /// <param name="labels">The labels.</param>
    /// <param name="field">What the error calls them.</param>
    public static void Check(MapField<string, string> labels, string field = "info.Labels")
    {
        foreach (KeyValuePair<string, string> label in labels)
        {
            int total = Encoding.UTF8.GetByteCount(label.Key) + Encoding.UTF8.GetByteCount(label.Value);
            if (total > MaxSize)
            {
                string key = label.Key.Length > 64 ? label.Key[..64] : label.Key;
                throw ContainerdError.InvalidArgument(
                    $"{field}: label key and value length ({total} bytes) greater than maximum size ({MaxSize} bytes), key: {key}");
            }
        }
    }

    /// <summary>Makes <paramref name="target"/> equal to <paramref name="source"/>.</summary>
    public static void Replace(MapField<string, string> target, MapField<string, string> source)
    {
        if (ReferenceEquals(target, source))
            return;
        target.Clear();
        foreach (KeyValuePair<string, string> label in source)
            target[label.Key] = label.Value;
    }

    /// <summary>
    /// Applies a field mask's path if it is about labels: <c>labels</c> replaces all, <c>labels.KEY</c> sets one (and an empty or missing
    /// value removes it).
    /// </summary>
    /// <returns>False where the path is about another field.</returns>
    public static bool ApplyPath(string path, MapField<string, string> target, MapField<string, string> source)
    {
        if (path == "labels")
        {
            Replace(target, source);
            return true;
        }
        if (!path.StartsWith("labels.", StringComparison.Ordinal))
            return false;
        string key = path["labels.".Length..];
        if (source.TryGetValue(key, out string? value) && value.Length > 0)
            target[key] = value;
        else
            target.Remove(key);
        return true;
    }

    /// <summary>The label that a filter's path means: its parts joined again, as keys have dots of their own.</summary>
    public static string? Field(MapField<string, string> labels, ReadOnlySpan<string> path) =>
        path.Length > 1 && labels.TryGetValue(string.Join('.', path[1..].ToArray()), out string? value) ? value : null;

    /// <summary>Now, as protobuf has it.</summary>
    public static Timestamp Now() => Timestamp.FromDateTime(DateTime.UtcNow);
}
