using System.Net;
using System.Net.Sockets;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Networks;

/// <summary>Publishes one container's ports: sockets that hold them, rules that lead to it. Disposing takes both back.</summary>
internal sealed class PortPublisher : IDisposable
{
    private const int FreePortTries = 16;
    private readonly BridgeFirewall? _firewall;
    private readonly List<(PublishedPort Port, PortRelay Relay)> _ports = [];
    private bool _ruled;

    private readonly Func<PortProtocol, ushort, bool> _isOurs;

    private PortPublisher(BridgeFirewall? firewall, Func<PortProtocol, ushort, bool> isOurs)
    {
        _firewall = firewall;
        _isOurs = isOurs;
    }

    /// <summary>Each exposed port and where it is published (null: nowhere), as the API shows it.</summary>
    public Dictionary<string, List<PortBinding>?> Ports { get; } = [];

    /// <summary>What is published.</summary>
    public IEnumerable<PublishedPort> Published => _ports.Select(p => p.Port);

    /// <summary>Publishes what <paramref name="request"/> asks for; <paramref name="isOurs"/> tells whether another container holds a port.</summary>
    /// <exception cref="PortException">A port is taken or makes no sense; nothing is held.</exception>
    public static PortPublisher Publish(NetworkAttachRequest request, IPAddress container, BridgeFirewall? firewall, IPAddress? defaultAddress, Func<PortProtocol, ushort, bool> isOurs)
    {
        PortPublisher publisher = new(firewall, isOurs);
        try
        {
            foreach (string exposed in request.ExposedPorts)
            {
                if (!request.PortBindings.ContainsKey(exposed))
                    publisher.Add(exposed, request.PublishAllPorts ? [new PortBinding()] : null, container, defaultAddress);
            }
            foreach ((string port, List<PortBinding>? bindings) in request.PortBindings)
                publisher.Add(port, bindings is { Count: > 0 } ? bindings : [new PortBinding()], container, defaultAddress);
            if (firewall is not null && publisher._ports.Count > 0)
            {
                firewall.Publish(publisher._ports.Select(p => p.Port));
                publisher._ruled = true;
            }
            return publisher;
        }
        catch
        {
            publisher.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        try
        {
            if (_ruled)
                _firewall!.Unpublish(Published);
        }
        finally
        {
            _ruled = false;
            foreach ((_, PortRelay relay) in _ports)
                relay.Dispose();
            _ports.Clear();
        }
    }

    private void Add(string name, List<PortBinding>? bindings, IPAddress container, IPAddress? defaultAddress)
    {
        if (!PortProtocols.TryParse(name, out ushort containerPort, out PortProtocol protocol))
            throw new PortException($"invalid port specification: \"{name}\"");
        string key = $"{containerPort}/{protocol.Text()}";
        if (bindings is null)
        {
            Ports.TryAdd(key, null);
            return;
        }
        List<PortBinding> published = [];
        foreach (PortBinding binding in bindings)
        {
            (ushort low, ushort high) = ParseRange(binding.HostPort);
            IPAddress[] addresses = Addresses(binding.HostIp, defaultAddress);
            ushort host = Hold(protocol, addresses, low, high, container, containerPort);
            foreach (IPAddress address in addresses)
                published.Add(new PortBinding { HostIp = address.ToString(), HostPort = host.ToString(System.Globalization.CultureInfo.InvariantCulture) });
        }
        Ports[key] = published;
    }

    /// <summary>Holds the first port of low..high (0: any free one) that is free on all addresses at once.</summary>
    private ushort Hold(PortProtocol protocol, IPAddress[] addresses, ushort low, ushort high, IPAddress container, ushort containerPort)
    {
        int tries = low == 0 ? FreePortTries : high - low + 1;
        for (int i = 0; ; i++)
        {
            ushort wanted = low == 0 ? (ushort)0 : (ushort)(low + i);
            List<(PublishedPort, PortRelay)> held = [];
            IPAddress address = addresses[0];
            try
            {
                foreach (IPAddress a in addresses)
                {
                    address = a;
                    PortRelay relay;
                    try
                    {
                        relay = new PortRelay(protocol, new IPEndPoint(a, wanted), new IPEndPoint(container, containerPort));
                    }
                    catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressFamilyNotSupported || (e.SocketErrorCode == SocketError.AddressNotAvailable && a.Equals(IPAddress.IPv6Any)))
                    {
                        continue; // a kernel without IPv6
                    }
                    wanted = relay.HostPort;
                    held.Add((new PublishedPort(protocol, a, wanted, container, containerPort), relay));
                }
                _ports.AddRange(held);
                return wanted;
            }
            catch (SocketException e)
            {
                foreach ((_, PortRelay relay) in held)
                    relay.Dispose();
                if (i + 1 < tries && e.SocketErrorCode == SocketError.AddressAlreadyInUse)
                    continue;
                PublishedPort port = new(protocol, address, wanted, container, containerPort);
                throw new PortException(e.SocketErrorCode == SocketError.AddressAlreadyInUse && (_isOurs(protocol, wanted) || _ports.Any(p => p.Port.HostPort == wanted && p.Port.Protocol == protocol))
                    ? $"Bind for {new IPEndPoint(address, wanted)} failed: port is already allocated"
                    : $"failed to bind host port for {port}: {Reason(e)}");
            }
        }
    }

    private static string Reason(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "address already in use",
        SocketError.AddressNotAvailable => "cannot assign requested address",
        SocketError.AccessDenied => "permission denied",
        _ => e.Message,
    };

    private static IPAddress[] Addresses(string hostIp, IPAddress? defaultAddress)
    {
        if (hostIp.Length == 0)
            return defaultAddress is not null ? [defaultAddress] : [IPAddress.Any, IPAddress.IPv6Any];
        return IPAddress.TryParse(hostIp, out IPAddress? address) ? [address] : throw new PortException($"invalid IP address: {hostIp}");
    }

    private static (ushort Low, ushort High) ParseRange(string text)
    {
        if (text.Length == 0)
            return (0, 0);
        string[] parts = text.Split('-', 2);
        if (!ushort.TryParse(parts[0], out ushort low) || !ushort.TryParse(parts[^1], out ushort high) || high < low)
            throw new PortException($"invalid hostPort: {text}");
        return (low, high);
    }
}

/// <summary>A port that cannot be published; the message is Docker's.</summary>
internal sealed class PortException(string message) : Exception(message);
