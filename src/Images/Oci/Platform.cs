using System.Runtime.InteropServices;
using System.Text.Json.Serialization;

namespace AotRuntime.Images;

/// <summary>What an image runs on: operating system, architecture and its variant, in Go's names.</summary>
public sealed record Platform
{
    /// <summary>CPU architecture.</summary>
    public string Architecture { get; init; } = "";

    /// <summary>Operating system.</summary>
    public string Os { get; init; } = "";

    /// <summary>Version of the operating system, for Windows.</summary>
    [JsonPropertyName("os.version")]
    public string? OsVersion { get; init; }

    /// <summary>Variant of the architecture, <c>v7</c>.</summary>
    public string? Variant { get; init; }

    /// <summary>This machine's.</summary>
    public static Platform Host { get; } = RuntimeInformation.ProcessArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.Arm64 => new() { Os = "linux", Architecture = "arm64", Variant = "v8" },
        System.Runtime.InteropServices.Architecture.Arm => new() { Os = "linux", Architecture = "arm", Variant = "v7" },
        System.Runtime.InteropServices.Architecture.X86 => new() { Os = "linux", Architecture = "386" },
        _ => new() { Os = "linux", Architecture = "amd64" },
    };

    /// <summary>Reads <c>os[/arch[/variant]]</c> or <c>arch</c>, as <c>--platform</c> takes it.</summary>
    /// <exception cref="FormatException">Not a platform; the text is containerd's.</exception>
    public static Platform Parse(string text)
    {
        string[] parts = text.Split('/');
        foreach (string part in parts)
        {
            if (part.Length == 0 || part.AsSpan().ContainsAnyExcept("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-()"))
                throw new FormatException($"\"{part}\" is an invalid component of \"{text}\": platform specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument");
        }
        if (parts.Length > 3)
            throw new FormatException($"\"{text}\": cannot parse platform specifier: invalid argument");
        if (parts.Length > 1)
            return new Platform { Os = parts[0], Architecture = parts[1], Variant = parts.Length > 2 ? parts[2] : null }.Normalized();

        string one = parts[0].ToLowerInvariant();
        if (one is "linux" or "windows" or "darwin" or "freebsd")
            return Host with { Os = one };
        Platform byArchitecture = new Platform { Os = "linux", Architecture = one }.Normalized();
        return byArchitecture.Architecture is "amd64" or "arm64" or "arm" or "386" or "ppc64le" or "s390x" or "riscv64" or "mips64le" or "loong64"
            ? byArchitecture
            : throw new FormatException($"\"{text}\": unknown operating system or architecture: invalid argument");
    }

    /// <summary>The same platform under the names that containerd's normalisation gives.</summary>
    public Platform Normalized()
    {
        string architecture = Architecture.ToLowerInvariant();
        string variant = (Variant ?? "").ToLowerInvariant();
        switch (architecture)
        {
            case "i386":
                (architecture, variant) = ("386", "");
                break;
            case "x86_64" or "x86-64" or "amd64":
                architecture = "amd64";
                if (variant == "v1")
                    variant = "";
                break;
            case "aarch64" or "arm64":
                architecture = "arm64";
                if (variant is "8" or "v8" or "")
                    variant = "v8";
                break;
            case "armhf":
                (architecture, variant) = ("arm", "v7");
                break;
            case "armel":
                (architecture, variant) = ("arm", "v6");
                break;
            case "arm":
                variant = variant switch { "" or "7" => "v7", "5" or "6" or "8" => "v" + variant, _ => variant };
                break;
        }
        return this with { Os = Os.ToLowerInvariant(), Architecture = architecture, Variant = variant.Length == 0 ? null : variant };
    }

    /// <summary>
    /// How well an image for <paramref name="offered"/> runs here: 0 is exact, more is worse, null not at all. An arm machine also runs the older
    /// variants, an amd64 one the lower micro-architecture levels.
    /// </summary>
    public int? Distance(Platform offered)
    {
        Platform mine = Normalized();
        Platform other = offered.Normalized();
        if (mine.Os != other.Os || mine.Architecture != other.Architecture)
            return null;
        if (mine.Variant == other.Variant)
            return 0;
        int have = VariantNumber(mine);
        int asked = VariantNumber(other);
        return have < 0 || asked < 0 || asked > have ? null : have - asked;
    }

    private static int VariantNumber(Platform platform) => (platform.Architecture, platform.Variant) switch
    {
        ("amd64", null) => 1,
        (_, { Length: >= 2 } v) when v[0] == 'v' && int.TryParse(v.AsSpan(1), System.Globalization.NumberStyles.None, null, out int n) => n,
        _ => -1,
    };

    /// <summary>The manifest of an index that fits this platform best; null where none does.</summary>
    public Descriptor? Choose(IEnumerable<Descriptor> manifests)
    {
        Descriptor? best = null;
        int bestDistance = int.MaxValue;
        foreach (Descriptor manifest in manifests)
        {
            if (!MediaTypes.IsManifest(manifest.MediaType) && !MediaTypes.IsIndex(manifest.MediaType))
                continue;
            // BuildKit's attestations are manifests too, for a platform unknown/unknown.
            if (manifest.Platform is { } offered && Distance(offered) is { } distance && distance < bestDistance)
                (best, bestDistance) = (manifest, distance);
        }
        if (best is not null)
            return best;
        foreach (Descriptor manifest in manifests)
        {
            if (manifest.Platform is null && MediaTypes.IsManifest(manifest.MediaType))
                return manifest;
        }
        return null;
    }

    /// <summary><c>linux/arm64/v8</c>, as messages show it.</summary>
    public override string ToString()
    {
        Platform normal = Normalized();
        return normal.Variant is null ? $"{normal.Os}/{normal.Architecture}" : $"{normal.Os}/{normal.Architecture}/{normal.Variant}";
    }
}
