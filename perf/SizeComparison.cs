namespace AotRuntime.Perf;

/// <summary>What the stack takes on disk.</summary>
internal static class SizeComparison
{
    public static void Run(Report report)
    {
        List<(string, double, string)> rows = [("aotruntime", Megabytes(Lab.Ours("aotruntime")), "every role")];
        string[] peers = [.. ((string[])["docker", "dockerd", "containerd", "containerd-shim-runc-v2", "ctr", "runc", "docker-proxy"]).Select(Lab.Peer).OfType<string>()];
        if (peers.Length > 0)
            rows.Add(("peers together", peers.Sum(Megabytes), string.Join(" ", peers)));
        foreach (string peer in peers)
            rows.Add((Path.GetFileName(peer), Megabytes(peer), ""));
        report.Add("size", "Binary size", "MB", rows, "Files as installed. Ours must stay at or below 16 MB.");
    }

    private static double Megabytes(string file) => new FileInfo(new FileInfo(file).ResolveLinkTarget(true)?.FullName ?? file).Length / 1e6;
}
