using System.Text;

namespace AotRuntime.Runc.Systemd;

/// <summary>The unit of a container: what systemd calls it, and where that is among the cgroups.</summary>
/// <param name="Slice">The slice's name; "" is the default one.</param>
/// <param name="Name">The unit's name.</param>
/// <param name="Container">What the spec calls the container, for the unit's description.</param>
internal sealed record UnitName(string Slice, string Name, string Container)
{
    private const string SliceSuffix = ".slice";

    public bool IsSlice => Name.EndsWith(SliceSuffix, StringComparison.Ordinal);

    /// <summary>Of the spec's cgroupsPath, which for systemd is "slice:prefix:name".</summary>
    /// <exception cref="RuncException">It is not.</exception>
    public static UnitName Of(string? cgroupsPath, string id)
    {
        if (string.IsNullOrEmpty(cgroupsPath))
            return new UnitName("", $"runc-{id}.scope", id);
        string[] parts = cgroupsPath.Split(':');
        if (parts.Length != 3)
            throw new RuncException($"expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"{cgroupsPath}\" instead");
        string name = parts[2].EndsWith(SliceSuffix, StringComparison.Ordinal) ? parts[2] : $"{parts[1]}-{parts[2]}.scope";
        // It becomes a directory's name: systemd would refuse it, but not before we have looked there.
        if (name.Contains('/'))
            throw new RuncException($"invalid unit name: {name}");
        return new UnitName(parts[0], name, parts[2]);
    }

    /// <summary>The slice that is asked for.</summary>
    public string SliceOr(bool user) => Slice.Length > 0 ? Slice : user ? "user.slice" : "system.slice";

    /// <summary>The unit's cgroup below that of the manager.</summary>
    public string Path(bool user) => ExpandSlice(SliceOr(user)).TrimEnd('/') + "/" + Name;

    /// <summary>"The name of the slice encodes the location in the tree ... foo-bar.slice ... is located within foo.slice" (man 5 systemd.slice).</summary>
    /// <exception cref="RuncException">It is no slice's name.</exception>
    internal static string ExpandSlice(string slice)
    {
        if (!slice.EndsWith(SliceSuffix, StringComparison.Ordinal) || slice.Contains('/'))
            throw new RuncException($"invalid slice name: {slice}");
        string name = slice[..^SliceSuffix.Length];
        if (name == "-")
            return "/";
        var path = new StringBuilder();
        int end = 0;
        foreach (string part in name.Split('-'))
        {
            if (part.Length == 0)
                throw new RuncException($"invalid slice name: {slice}");
            end += part.Length;
            path.Append('/').Append(name.AsSpan(0, end++)).Append(SliceSuffix);
        }
        return path.ToString();
    }
}
