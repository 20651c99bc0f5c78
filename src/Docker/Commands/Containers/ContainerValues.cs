using System.Globalization;
using System.Net;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>Checks of the values of container flags, with docker's errors.</summary>
public static class ContainerValues
{
    private static readonly string[] s_ulimits =
        ["core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"];

    /// <summary>A standard stream, in lower case.</summary>
    public static string Stream(string text) => text.ToLowerInvariant() is "stdin" or "stdout" or "stderr"
        ? text.ToLowerInvariant()
        : throw new FlagValueException("valid streams are STDIN, STDOUT and STDERR");

    /// <summary>An address in its canonical form.</summary>
    public static string IpAddress(string text) => IPAddress.TryParse(text.Trim(), out IPAddress? address)
        ? address.ToString()
        : throw new FlagValueException($"IP address is not correctly formatted: {text}");

    /// <summary>A host and its address, <c>host:ip</c>.</summary>
    public static string ExtraHost(string text)
    {
        int cut = text.IndexOf('=');
        if (cut < 0)
            cut = text.IndexOf(':');
        string host = cut < 0 ? "" : text[..cut];
        if (host.Length == 0 || host.Contains(':'))
            throw new FlagValueException($"bad format for add-host: {GoText.Quote(text)}");
        string address = text[(cut + 1)..];
        if (address != "host-gateway")
        {
            if (address.Length > 2 && address[0] == '[' && address[^1] == ']')
                address = address[1..^1];
            if (!IPAddress.TryParse(address, out _))
                throw new FlagValueException($"invalid IP address in add-host: {GoText.Quote(address)}");
        }
        return $"{host}:{address}";
    }

    /// <summary>A kernel parameter that belongs to a namespace.</summary>
    public static string Sysctl(string text)
    {
        int equals = text.IndexOf('=');
        string name = equals < 0 ? "" : text[..equals];
        bool namespaced = name is "kernel.msgmax" or "kernel.msgmnb" or "kernel.msgmni" or "kernel.sem" or "kernel.shmall" or "kernel.shmmax"
            or "kernel.shmmni" or "kernel.shm_rmid_forced"
            || name.StartsWith("net.", StringComparison.Ordinal) || name.StartsWith("fs.mqueue.", StringComparison.Ordinal);
        return namespaced ? text : throw new FlagValueException($"sysctl '{text}' is not allowed");
    }

    /// <summary>A resource limit: <c>nofile=1024:2048</c>.</summary>
    public static string Ulimit(string text)
    {
        ParseUlimit(text);
        return text;
    }

    /// <summary>The parts of a resource limit.</summary>
    public static (string Name, long Soft, long Hard) ParseUlimit(string text)
    {
        int equals = text.IndexOf('=');
        if (equals < 0)
            throw new FlagValueException($"invalid ulimit argument: {text}");
        string name = text[..equals];
        if (Array.IndexOf(s_ulimits, name) < 0)
            throw new FlagValueException($"invalid ulimit type: {name}");
        string[] limits = text[(equals + 1)..].Split(':');
        if (limits.Length > 2)
            throw new FlagValueException($"too many limit value arguments - {text[(equals + 1)..]}, can only have up to two, `soft[:hard]`");
        long soft = FlagValues.Int(limits[0]);
        long hard = limits.Length == 2 ? FlagValues.Int(limits[1]) : soft;
        if (hard != -1 && soft == -1)
            throw new FlagValueException($"ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: {hard}");
        if (hard != -1 && soft > hard)
            throw new FlagValueException($"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}");
        return (name, soft, hard);
    }

    /// <summary>A device and its share.</summary>
    public static string WeightDevice(string text)
    {
        (string path, string weight) = DevicePair(text);
        if (!ushort.TryParse(weight, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number) || (number != 0 && number is < 10 or > 1000))
            throw new FlagValueException($"invalid weight for device: {text}");
        return $"{path}:{number}";
    }

    /// <summary>A device and bytes per second.</summary>
    public static string ThrottleBytes(string text)
    {
        (string path, string rate) = DevicePair(text);
        return ByteSize.TryParseRam(rate, out long bytes)
            ? string.Create(CultureInfo.InvariantCulture, $"{path}:{bytes}")
            : throw new FlagValueException($"invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb");
    }

    /// <summary>A device and operations per second.</summary>
    public static string ThrottleOperations(string text)
    {
        (_, string rate) = DevicePair(text);
        return ulong.TryParse(rate, NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? text
            : throw new FlagValueException($"invalid rate for device: {text}. The correct format is <device-path>:<number>. Number must be a positive integer");
    }

    private static (string Path, string Value) DevicePair(string text)
    {
        int colon = text.IndexOf(':');
        if (colon <= 0)
            throw new FlagValueException($"bad format: {text}");
        return text.StartsWith("/dev/", StringComparison.Ordinal)
            ? (text[..colon], text[(colon + 1)..])
            : throw new FlagValueException($"bad format for device path: {text}");
    }

    /// <summary>A device: <c>host-path[:container-path][:permissions]</c>.</summary>
    public static (string Host, string Container, string Permissions) Device(string text)
    {
        string[] parts = text.Split(':');
        if (parts.Length > 3 || parts[0].Length == 0)
            throw new CommandException($"bad format for path: {text}");
        string container = parts[0];
        string permissions = "rwm";
        if (parts.Length == 3)
        {
            if (!IsDeviceMode(parts[2]))
                throw new CommandException($"bad mode specified: {parts[2]}");
            (container, permissions) = (parts[1], parts[2]);
        }
        else if (parts.Length == 2 && IsDeviceMode(parts[1]))
        {
            permissions = parts[1];
        }
        else if (parts.Length == 2)
        {
            container = parts[1];
        }
        return container.StartsWith('/') ? (parts[0], container, permissions) : throw new CommandException($"{container} is not an absolute path");
    }

    private static bool IsDeviceMode(string mode)
    {
        foreach (char c in mode)
        {
            if (!"rwm".Contains(c) || mode.IndexOf(c) != mode.LastIndexOf(c))
                return false;
        }
        return mode.Length > 0;
    }
}
