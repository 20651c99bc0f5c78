using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Linux.Netlink;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Spec;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Containers;

/// <summary>The host's network interfaces that a container gets (config-linux.md, "Network Devices").</summary>
internal static class NetworkDevices
{
    private const int NameSize = 16;

    /// <exception cref="RuncException">They can't be moved.</exception>
    public static void Require(LinuxSpec linux)
    {
        if (linux.NetDevices is not { Count: > 0 } devices)
            return;
        if (linux.Namespaces?.Exists(ns => ns.Type == "network") != true)
            throw new RuncException("unable to move network devices without a NET namespace");
        if (Rootlessness.Detect())
            throw new RuncException("network devices are not supported for rootless containers");
        foreach ((string name, NetDeviceSpec? device) in devices)
        {
            RequireName(name);
            if (!string.IsNullOrEmpty(device?.Name))
                RequireName(device.Name);
        }
    }

    /// <summary>Moves all of them into the network namespace of a process, with their names there and their lasting global addresses, and sets them up.</summary>
    public static void Move(LinuxSpec linux, int pid)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/ns/net");
        try
        {
            using SafeFileHandle ns = NetworkNamespace.Of(pid);
            using RouteSocket here = RouteSocket.Open(), there = RouteSocket.OpenIn(ns);
            foreach ((string name, NetDeviceSpec? device) in linux.NetDevices ?? [])
                Move(here, there, ns, path, name, string.IsNullOrEmpty(device?.Name) ? name : device.Name);
        }
        catch (RuncException e)
        {
            throw new RuncException($"error creating network interfaces: {e.Message}", e);
        }
    }

    private static void Move(RouteSocket here, RouteSocket there, SafeFileHandle ns, string path, string name, string newName)
    {
        string step = $"link not found for interface {name} on runtime namespace";
        try
        {
            NetworkLink link = here.Link(name) ?? throw new RuncException($"{step}: Link not found");
            // Before it goes down: IPv6 addresses do not outlive that.
            step = "fail to get ip addresses";
            IReadOnlyList<LinkAddress> addresses = here.LastingAddresses(link.Index);
            step = "fail to set link down";
            here.SetDown(link.Index);
            step = $"fail to move network device {name} to network namespace {path}";
            // The kernel moves first and names afterwards: the interface would be gone from here although the request failed.
            if (there.Link(newName) is not null)
                throw new LinuxException("move link", newName, Errno.EEXIST);
            here.MoveLink(link.Index, newName, ns);
            step = $"link not found for interface {newName} on namespace {path}";
            int index = (there.Link(newName) ?? throw new RuncException($"{step}: Link not found")).Index;
            foreach (LinkAddress address in addresses)
            {
                // Link-local and host addresses belong to where the interface was, and dynamic ones to who gave them.
                step = $"fail to set up address {address.Address}/{address.PrefixLength} on namespace {path}";
                there.AddAddress(index, address);
            }
            step = $"fail to set up interface {newName} on namespace {path}";
            there.SetUp(index);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"{step}: {e.Errno.Text()}", e);
        }
    }

    /// <summary>What the kernel takes as a name (dev_valid_name).</summary>
    private static void RequireName(string name)
    {
        if (name.Length is 0 or > NameSize || name is "." or ".." || name.AsSpan().ContainsAny('/', ':', ' '))
            throw new RuncException($"invalid network device name \"{name}\"");
    }
}
