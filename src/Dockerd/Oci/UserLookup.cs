using System.Globalization;
using AotRuntime.Dockerd.Api;

namespace AotRuntime.Dockerd.Oci;

/// <summary>Who a container's process is, by its image's /etc/passwd and /etc/group.</summary>
internal static class UserLookup
{
    /// <summary>Reads <c>user[:group]</c>, names or numbers; empty means root.</summary>
    /// <param name="spec"><c>User</c> of the configuration.</param>
    /// <param name="passwd">Content of /etc/passwd; null where there is none.</param>
    /// <param name="group">Content of /etc/group; null where there is none.</param>
    /// <param name="groupAdd"><c>--group-add</c>.</param>
    /// <exception cref="ApiException">400: no such user or group; the text is Docker's.</exception>
    public static OciUser Resolve(string spec, string? passwd, string? group, IReadOnlyList<string>? groupAdd = null)
    {
        int colon = spec.IndexOf(':');
        string userPart = colon < 0 ? spec : spec[..colon];
        string groupPart = colon < 0 ? "" : spec[(colon + 1)..];
        OciUser user = new();
        string name = "";

        bool numericUser = TryId(userPart, out uint wantedUid);
        bool found = false;
        foreach (string[] entry in Entries(passwd, 4))
        {
            if (!TryId(entry[2], out uint uid) || !TryId(entry[3], out uint gid))
                continue;
            if (userPart.Length == 0 ? uid == 0 : entry[0] == userPart || (numericUser && uid == wantedUid))
            {
                (name, user.Uid, user.Gid, found) = (entry[0], uid, gid, true);
                break;
            }
        }
        if (!found && userPart.Length > 0)
        {
            if (!numericUser)
                throw ApiException.BadRequest($"unable to find user {userPart}: no matching entries in passwd file");
            user.Uid = wantedUid;
        }

        SortedSet<uint> additional = [];
        if (groupPart.Length > 0)
        {
            user.Gid = GroupId(groupPart, group) ?? throw ApiException.BadRequest($"unable to find group {groupPart}: no matching entries in group file");
        }
        else if (name.Length > 0)
        {
            foreach (string[] entry in Entries(group, 4))
            {
                if (entry[3].Split(',').Contains(name) && TryId(entry[2], out uint gid))
                    additional.Add(gid);
            }
        }
        foreach (string extra in groupAdd ?? [])
            additional.Add(GroupId(extra, group) ?? throw ApiException.BadRequest($"Unable to find group {extra}: no matching entries in group file"));

        // The primary group belongs to the list as well: setgroups(2) replaces it otherwise.
        additional.Add(user.Gid);
        user.AdditionalGids = [.. additional];
        return user;
    }

    private static uint? GroupId(string wanted, string? group)
    {
        bool numeric = TryId(wanted, out uint id);
        foreach (string[] entry in Entries(group, 3))
        {
            if (entry[0] == wanted && TryId(entry[2], out uint gid))
                return gid;
        }
        return numeric ? id : null;
    }

    private static IEnumerable<string[]> Entries(string? content, int least)
    {
        foreach (string line in (content ?? "").Split('\n'))
        {
            string trimmed = line.Trim();
            if (trimmed.Length == 0 || trimmed[0] == '#')
                continue;
            string[] fields = trimmed.Split(':');
            if (fields.Length >= least)
                yield return fields;
        }
    }

    // ids beyond 2^31-1 are refused by Docker, and uint.MaxValue would mean "leave as it is" to the kernel.
    private static bool TryId(string text, out uint id) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id) && id <= int.MaxValue;
}
