using System.Net;

namespace AotRuntime.Dockerd.Networks;

/// <summary>Settings of the daemon's networks.</summary>
public sealed record NetworkOptions
{
    /// <summary>Makes networks' ids: the same daemon gives the same ids after every restart. The engine's own id.</summary>
    public required string EngineId { get; init; }

    /// <summary>Name of the default bridge (<c>--bridge</c>; <c>none</c> switches it off).</summary>
    public string BridgeName { get; init; } = "docker0";

    /// <summary>Whether <see cref="BridgeName"/> was given, so that the bridge is somebody else's and must be there.</summary>
    public bool BridgeIsForeign { get; init; }

    /// <summary>Address and prefix length of the bridge (<c>--bip 172.17.0.1/16</c>); null takes the first pool that overlaps no route.</summary>
    public (IPAddress Address, int PrefixLength)? BridgeAddress { get; init; }

    /// <summary>Address that ports are published on where the container names none (<c>--ip</c>); null means every address.</summary>
    public IPAddress? DefaultBindAddress { get; init; }

    /// <summary>Whether to write firewall rules (<c>--iptables</c>). Without, ports are published by the relay alone and nothing is masqueraded.</summary>
    public bool Firewall { get; init; } = true;

    /// <summary>Whether containers may talk to each other over the bridge (<c>--icc</c>).</summary>
    public bool InterContainer { get; init; } = true;

    /// <summary>Bytes of the largest packet (<c>--mtu</c>).</summary>
    public int Mtu { get; init; } = 1500;
}
