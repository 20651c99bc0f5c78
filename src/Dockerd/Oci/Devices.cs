using System.Globalization;
using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Oci;

/// <summary>Which device nodes a container sees, and which it may use.</summary>
internal static class Devices
{
    private const uint TypeMask = 0xF000, Character = 0x2000, Block = 0x6000;

    /// <summary>Sets devices and their rules.</summary>
    public static void Apply(OciLinux linux, HostConfig host)
    {
        OciResources resources = linux.Resources ??= new OciResources();
        List<OciDevice> devices = [];
        if (host.Privileged)
        {
            FromFolder("/dev", "/dev", devices, recursive: true);
            resources.Devices = [new OciDeviceRule { Allow = true, Access = "rwm" }];
        }
        else
        {
            resources.Devices = DefaultRules();
            foreach (DeviceMapping mapping in host.Devices ?? [])
            {
                string inside = mapping.PathInContainer.Length > 0 ? mapping.PathInContainer : mapping.PathOnHost;
                string access = mapping.CgroupPermissions.Length > 0 ? mapping.CgroupPermissions : "rwm";
                int before = devices.Count;
                if (Directory.Exists(mapping.PathOnHost))
                    FromFolder(mapping.PathOnHost, inside, devices, recursive: true);
                else
                    devices.Add(FromPath(mapping.PathOnHost, inside));
                if (devices.Count == before)
                    throw ApiException.Internal($"error gathering device information while adding custom device \"{mapping.PathOnHost}\": not a device node");
                foreach (OciDevice device in devices.Skip(before))
                    resources.Devices.Add(new OciDeviceRule { Allow = true, Type = device.Type, Major = device.Major, Minor = device.Minor, Access = access });
            }
        }
        foreach (string rule in host.DeviceCgroupRules ?? [])
            resources.Devices.Add(ParseRule(rule));
        linux.Devices = devices;
    }

    /// <summary>The device node at <paramref name="path"/>.</summary>
    /// <exception cref="ApiException">There is none; the text is Docker's.</exception>
    public static OciDevice FromPath(string path, string inside)
    {
        try
        {
            // O_PATH follows a link such as /dev/cdrom, and never opens the device itself.
            using SafeFileHandle file = Sys.Open(path, OpenFlags.Path);
            if (Sys.TryStatAt(file, "\0"u8, out FileStatus status) == Errno.None && TryNode(status, inside, out OciDevice? device))
                return device!;
        }
        catch (LinuxException e)
        {
            throw ApiException.Internal($"error gathering device information while adding custom device \"{path}\": {e.Errno.Text()}", e);
        }
        throw ApiException.Internal($"error gathering device information while adding custom device \"{path}\": not a device node");
    }

    /// <summary>Reads <c>c 1:3 rwm</c>, with <c>*</c> for any number.</summary>
    /// <exception cref="ApiException">400: it is none.</exception>
    public static OciDeviceRule ParseRule(string rule)
    {
        string[] parts = rule.Split(' ');
        string[] numbers = parts.Length == 3 ? parts[1].Split(':') : [];
        if (numbers.Length != 2 || parts[0] is not ("a" or "b" or "c") || parts[2].Length is 0 or > 3 || parts[2].Any(c => c is not ('r' or 'w' or 'm'))
            || !TryNumber(numbers[0], out long? major) || !TryNumber(numbers[1], out long? minor))
        {
            throw ApiException.BadRequest($"invalid device cgroup rule format: '{rule}'");
        }
        return new OciDeviceRule { Allow = true, Type = parts[0], Major = major, Minor = minor, Access = parts[2] };

        static bool TryNumber(string text, out long? number)
        {
            number = null;
            if (text == "*")
                return true;
            bool ok = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value);
            number = value;
            return ok;
        }
    }

    private static List<OciDeviceRule> DefaultRules()
    {
        List<OciDeviceRule> rules = [new OciDeviceRule { Allow = false, Access = "rwm" }];
        foreach ((long major, long minor) in (ReadOnlySpan<(long, long)>)[(1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1)])
            rules.Add(new OciDeviceRule { Allow = true, Type = "c", Major = major, Minor = minor, Access = "rwm" });
        rules.Add(new OciDeviceRule { Allow = false, Type = "c", Major = 10, Minor = 229, Access = "rwm" });
        return rules;
    }

    private static void FromFolder(string folder, string inside, List<OciDevice> devices, bool recursive)
    {
        foreach (FileSystemInfo entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            // These hold what a container gets its own of (pts, shm, mqueue), or no devices.
            if (entry.LinkTarget is not null)
                continue;
            if (entry is DirectoryInfo)
            {
                if (recursive && entry.Name is not ("pts" or "shm" or "fd" or "mqueue" or ".lxc" or ".lxd-mounts" or ".udev"))
                    FromFolder(entry.FullName, $"{inside}/{entry.Name}", devices, recursive);
                continue;
            }
            if (entry.Name == "console")
                continue;
            try
            {
                using SafeFileHandle file = Sys.Open(entry.FullName, OpenFlags.Path | OpenFlags.NoFollow);
                if (Sys.TryStatAt(file, "\0"u8, out FileStatus status) == Errno.None && TryNode(status, $"{inside}/{entry.Name}", out OciDevice? device))
                    devices.Add(device!);
            }
            catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.EACCES)
            {
                continue; // gone since the folder was read
            }
        }
    }

    private static bool TryNode(FileStatus status, string inside, out OciDevice? device)
    {
        device = null;
        uint type = status.Mode & TypeMask;
        if (type is not (Character or Block))
            return false;
        ulong number = status.NodeDevice;
        device = new OciDevice
        {
            Path = inside,
            Type = type == Block ? "b" : "c",
            Major = (long)(((number >> 8) & 0xfff) | ((number >> 32) & ~0xfffUL)),
            Minor = (long)((number & 0xff) | ((number >> 12) & ~0xffUL)),
            FileMode = status.Mode & 0xfff,
            Uid = status.Uid,
            Gid = status.Gid,
        };
        return true;
    }
}
