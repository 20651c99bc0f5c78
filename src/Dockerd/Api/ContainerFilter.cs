using AotRuntime.Dockerd.Containers;
using AotRuntime.EngineApi;
using AotRuntime.Patterns;

namespace AotRuntime.Dockerd.Api;

/// <summary>Which containers <c>docker ps</c> shows.</summary>
internal static class ContainerFilter
{
    private static readonly string[] s_known =
    [
        "ancestor", "before", "exited", "expose", "health", "id", "isolation", "is-task", "label", "name", "network", "publish", "since", "status", "volume",
    ];

    /// <summary>Applies filters, <c>all</c> and <c>limit</c> to containers that are sorted from the newest to the oldest.</summary>
    /// <exception cref="ApiException">400: a filter is unknown or its value invalid.</exception>
    public static List<Container> Apply(IReadOnlyList<Container> containers, Filters filters, bool all, int? limit, Func<string, Container> find)
    {
        if (filters.FirstUnknown(s_known) is { } unknown)
            throw ApiException.BadRequest($"invalid filter '{unknown}'");
        foreach (string status in filters.Get("status"))
        {
            if (status is not ("created" or "restarting" or "running" or "removing" or "paused" or "exited" or "dead"))
                throw ApiException.BadRequest($"invalid filter 'status={status}': invalid value for state ({status}): must be one of created, running, paused, restarting, removing, exited, dead");
        }
        List<int> exited = [];
        foreach (string code in filters.Get("exited"))
            exited.Add(int.TryParse(code, out int number) ? number : throw ApiException.BadRequest($"invalid filter 'exited={code}'"));
        List<Func<string, bool>> names = [];
        foreach (string pattern in filters.Get("name"))
        {
            try
            {
                names.Add(Pattern.Parse(pattern).IsMatch);
            }
            catch (PatternException)
            {
                // What is no pattern matches, as with Docker, only a name that is the same.
                names.Add(name => name == pattern);
            }
        }
        string? before = filters.Get("before") is [string b, ..] ? find(b).Record.Created : null;
        string? since = filters.Get("since") is [string s, ..] ? find(s).Record.Created : null;
        bool wide = all || limit > 0 || filters.Contains("status") || exited.Count > 0 || before is not null || since is not null;

        List<Container> result = [];
        foreach (Container container in containers)
        {
            ContainerRecord record = container.Record;
            if (!wide && !container.State.Running)
                continue;
            if (before is not null && string.CompareOrdinal(record.Created, before) >= 0)
                continue;
            if (since is not null && string.CompareOrdinal(record.Created, since) <= 0)
                continue;
            if (exited.Count > 0 && (container.State.Running || !exited.Contains(container.State.ExitCode) || !record.StartedBefore))
                continue;
            if (names.Count > 0 && !names.Exists(matches => matches("/" + record.Name) || matches(record.Name)))
                continue;
            if (!filters.PrefixMatch("id", record.Id) || !filters.ExactMatch("status", ContainerView.Status(container))
                || !filters.MatchLabels("label", record.Config.Labels) || !filters.ExactMatch("health", container.Health?.State.Status ?? "none")
                || (filters.Contains("is-task") && filters.GetBool("is-task", false)))
            {
                continue;
            }
            if (filters.Contains("ancestor") && !filters.Get("ancestor").Any(a => Ancestor(record, a)))
                continue;
            if (filters.Contains("volume") && !record.Mounts.Exists(m => filters.ExactMatch("volume", m.Name) || filters.ExactMatch("volume", m.Destination) || filters.ExactMatch("volume", m.Source)))
                continue;
            if (filters.Contains("network") && !filters.Get("network").Any(n => record.HostConfig.NetworkMode == n || record.Network?.Networks.Any(e => e.Key == n || e.Value.NetworkId.StartsWith(n, StringComparison.Ordinal)) == true))
                continue;
            if (filters.Contains("publish") && !filters.Get("publish").Any(p => record.HostConfig.PortBindings?.Keys.Any(k => Port(k, p)) == true))
                continue;
            if (filters.Contains("expose") && !filters.Get("expose").Any(p => record.Config.ExposedPorts?.Keys.Any(k => Port(k, p)) == true))
                continue;
            result.Add(container);
            if (limit > 0 && result.Count == limit)
                break;
        }
        return result;
    }

    private static bool Ancestor(ContainerRecord record, string wanted)
    {
        string image = record.Config.Image;
        return image == wanted || image == wanted + ":latest" || image + ":latest" == wanted
            || record.ImageId == wanted || record.ImageId.StartsWith("sha256:" + wanted, StringComparison.Ordinal)
            || (wanted.LastIndexOf(':') <= wanted.LastIndexOf('/') && image.StartsWith(wanted + ":", StringComparison.Ordinal));
    }

    private static bool Port(string key, string wanted) => key == wanted || key == wanted + "/tcp";
}
