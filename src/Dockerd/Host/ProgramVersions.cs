using System.Text;
using AotRuntime.Dockerd.Config;
using AotRuntime.EngineApi;
using AotRuntime.Linux;

namespace AotRuntime.Dockerd.Host;

/// <summary>The versions of the programs that containers are run with, as they tell them themselves.</summary>
internal static class ProgramVersions
{
    private static readonly Lock s_lock = new();
    private static (string Key, IReadOnlyList<ComponentVersion> Components)? s_known;

    /// <summary>runc and docker-init; one that is missing, or says nothing that can be read, is left out.</summary>
    public static IReadOnlyList<ComponentVersion> Read(DaemonOptions options)
    {
        string runtime = options.Runtimes.TryGetValue(options.DefaultRuntime, out RuntimeOption? chosen) && chosen.Path.Length > 0 ? chosen.Path
            : options.Containerd.Length == 0 ? ProcessSpawn.FindRole(DaemonOptions.DefaultRuntimeName) ?? DaemonOptions.DefaultRuntimeName
            : DaemonOptions.DefaultRuntimeName;
        string init = options.InitPath.Length > 0 ? options.InitPath : ProcessSpawn.FindRole("docker-init") ?? "docker-init";
        string key = $"{State(runtime)} {State(init)}";
        lock (s_lock)
        {
            if (s_known is { } known && known.Key == key)
                return known.Components;
            List<ComponentVersion> components = [];
            if (Runtime(Ask(runtime)) is { } r)
                components.Add(r);
            if (Init(Ask(init)) is { } i)
                components.Add(i);
            s_known = (key, components);
            return components;
        }
    }

    /// <summary>Reads <c>runc version X</c>, <c>commit: Y</c>.</summary>
    internal static ComponentVersion? Runtime(string text)
    {
        string name = "", version = "", commit = "";
        foreach (string line in text.Split('\n', StringSplitOptions.TrimEntries))
        {
            int at = line.IndexOf(" version ", StringComparison.Ordinal);
            if (at > 0 && version.Length == 0)
                (name, version) = (line[..at], line[(at + " version ".Length)..]);
            else if (line.StartsWith("commit:", StringComparison.Ordinal))
                commit = line["commit:".Length..].Trim();
        }
        return Component(name, version, commit);
    }

    /// <summary>Reads <c>docker-init version X - git.Y</c>, which tini prints too.</summary>
    internal static ComponentVersion? Init(string text)
    {
        string[] parts = text.Trim().Split(" - ");
        int at = parts[0].IndexOf(" version ", StringComparison.Ordinal);
        if (at < 0)
            return null;
        string commit = parts.Length > 1 && parts[1].StartsWith("git.", StringComparison.Ordinal) ? parts[1]["git.".Length..] : "";
        return Component("docker-init", parts[0][(at + " version ".Length)..], commit);
    }

    private static ComponentVersion? Component(string name, string version, string commit) => version.Length == 0
        ? null
        : new ComponentVersion { Name = name, Version = version, Details = new Dictionary<string, string> { ["GitCommit"] = commit } };

    private static string Ask(string program) =>
        ProcessSpawn.FindExecutable(program) is { } file ? Encoding.UTF8.GetString(RuntimeFeatures.Ask(file, "--version")) : "";

    /// <summary>Changes when the program is replaced.</summary>
    private static string State(string program) =>
        ProcessSpawn.FindExecutable(program) is { } file ? $"{file} {File.GetLastWriteTimeUtc(file).Ticks}" : program;
}
