using System.Reflection;

namespace AotRuntime.Tests.Functional.Harness;

/// <summary>Where the programs under test and their peers are.</summary>
internal static class Programs
{
    public static string RepoRoot { get; } = typeof(Programs).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "RepoRoot").Value!;

    /// <summary>The folder of the published binary and its names; AOT_BIN tests another one.</summary>
    public static string Bin { get; } = Environment.GetEnvironmentVariable("AOT_BIN") ?? Path.Combine(RepoRoot, "out/bin");

    /// <summary>The folder of image layouts that the build makes.</summary>
    public static string Images { get; } = Path.Combine(RepoRoot, "out/images");

    /// <summary>One of ours, by role name.</summary>
    public static string Ours(string name) => Path.Combine(Bin, name);

    /// <summary>Another's program of the same name, from PATH but never from our own folder.</summary>
    public static string Peer(string name)
    {
        string path = Environment.GetEnvironmentVariable("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin";
        foreach (string dir in path.Split(':'))
        {
            string file = Path.Combine(dir, name);
            if (dir.Length > 0 && dir != Bin && File.Exists(file))
                return file;
        }
        throw new FileNotFoundException($"{name} is not installed; tests/tools/deps.sh does that", name);
    }
}
