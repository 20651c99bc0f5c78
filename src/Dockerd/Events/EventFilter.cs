using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Events;

/// <summary>Which events a client wants.</summary>
internal static class EventFilter
{
    /// <summary>Whether an event passes: all keys must, with any of their values.</summary>
    public static bool Matches(EventMessage message, Filters filters)
    {
        if (filters.IsEmpty)
            return true;
        // "exec_create: sh -c …" is asked for as "exec_create".
        string action = message.Action;
        int colon = action.IndexOf(':');
        bool eventMatches = filters.ExactMatch("event", action) || (colon > 0 && filters.ExactMatch("event", action[..colon]));
        return eventMatches
            && filters.ExactMatch("type", message.Type)
            && filters.ExactMatch("scope", message.Scope ?? "local")
            && filters.MatchLabels("label", message.Actor.Attributes)
            && Subject("container") && Subject("network") && Subject("volume") && Subject("daemon")
            && Image();

        bool Subject(string type)
        {
            if (!filters.Contains(type))
                return true;
            return message.Type == type && (filters.PrefixMatch(type, message.Actor.Id) || filters.ExactMatch(type, message.Actor.Attributes.GetValueOrDefault("name", "")));
        }

        bool Image()
        {
            if (!filters.Contains("image"))
                return true;
            string name = message.Actor.Attributes.GetValueOrDefault(message.Type == "image" ? "name" : "image", "");
            int tag = name.LastIndexOf(':');
            return filters.ExactMatch("image", name) || filters.ExactMatch("image", message.Actor.Id) || (tag > name.LastIndexOf('/') && filters.ExactMatch("image", name[..tag]));
        }
    }
}
