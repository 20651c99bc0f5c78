namespace AotRuntime.Tests.Functional.Harness;

/// <summary>A folder of this test's own; gone afterwards, with whatever is still mounted below it. Short, since socket paths have 107 bytes.</summary>
internal sealed class TempDir : IDisposable
{
    public TempDir() => Path = Directory.CreateTempSubdirectory("aot-").FullName;

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Mount points below the folder, deepest first.</summary>
    public IReadOnlyList<string> Mounts() =>
        [.. System.IO.File.ReadLines("/proc/self/mountinfo")
            .Select(line => line.Split(' ')[4])
            .Where(point => point.StartsWith(Path + "/", StringComparison.Ordinal))
            .OrderByDescending(point => point, StringComparer.Ordinal)];

    public void Dispose()
    {
        foreach (string point in Mounts())
            new Command("umount", "-l", point).Run();
        new Command("rm", "-rf", "--one-file-system", Path).Run();
    }
}
