using AotRuntime.Linux;
using AotRuntime.Runc.Cgroups;
using AotRuntime.Runc.Cli;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Commands;

/// <summary><c>spec</c>: a config.json to begin with.</summary>
internal static class SpecCommand
{
    public static readonly Flag[] Flags =
    [
        new("bundle", "b", FlagKind.Text, "the bundle's directory (default: the working directory)"),
        new("rootless", "", FlagKind.Bool, "for a user without root's rights"),
    ];

    public static int Run(Globals globals, FlagSet flags)
    {
        string bundle = flags.Text("bundle");
        if (bundle.Length > 0)
        {
            try
            {
                Sys.Chdir(bundle);
            }
            catch (LinuxException e)
            {
                throw new RuncException($"chdir {bundle}: {e.Errno.Text()}", e);
            }
        }
        if (File.Exists(SpecFile.Config))
            throw new RuncException($"File {SpecFile.Config} exists. Remove it first");
        string spec = Example(CgroupMounts.Read().Unified);
        if (flags.IsOn("rootless"))
            spec = Rootless(spec, Sys.EffectiveUser(), Sys.EffectiveGroup());
        Sys.CreateSmallFile(SpecFile.Config, System.Text.Encoding.UTF8.GetBytes(spec), 0x1b6);
        return 0;
    }

    /// <summary>The template where cgroup2 is all there is; else without a cgroup namespace, as runc has it.</summary>
    internal static string Example(bool unified) => unified ? Template : Replace(Template, ",\n" + CgroupNamespace, "\n");

    /// <summary>
    /// The same for a user: a user namespace that maps the user alone to root, the host's network, no limits; /sys is bound, since only
    /// the owner of a network namespace may mount one, and the group of terminals has no id.
    /// </summary>
    internal static string Rootless(string text, uint uid, uint gid)
    {
        text = Replace(text, ",\n\t\t\t\t\"gid=5\"", "");
        text = Replace(text, "\"type\": \"sysfs\",\n\t\t\t\"source\": \"sysfs\",\n\t\t\t\"options\": [\n", "\"type\": \"none\",\n\t\t\t\"source\": \"/sys\",\n\t\t\t\"options\": [\n\t\t\t\t\"rbind\",\n");
        int resources = text.IndexOf("\t\t\"resources\": {", StringComparison.Ordinal), namespaces = text.IndexOf("\t\t\"namespaces\": [", StringComparison.Ordinal);
        text = text[..resources] + Mapping("uidMappings", uid) + Mapping("gidMappings", gid) + text[namespaces..];
        text = Replace(text, "\t\t\t{\n\t\t\t\t\"type\": \"network\"\n\t\t\t},\n", "");
        return Replace(text, "\n\t\t],\n\t\t\"maskedPaths\"", ",\n\t\t\t{\n\t\t\t\t\"type\": \"user\"\n\t\t\t}\n\t\t],\n\t\t\"maskedPaths\"");
    }

    private const string CgroupNamespace = "\t\t\t{\n\t\t\t\t\"type\": \"cgroup\"\n\t\t\t}\n";

    private static string Mapping(string name, uint id) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"\t\t\"{name}\": [\n\t\t\t{{\n\t\t\t\t\"containerID\": 0,\n\t\t\t\t\"hostID\": {id},\n\t\t\t\t\"size\": 1\n\t\t\t}}\n\t\t],\n");

    private static string Replace(string text, string old, string replacement) =>
        text.Contains(old, StringComparison.Ordinal) ? text.Replace(old, replacement, StringComparison.Ordinal) : throw new InvalidOperationException(old);

    internal const string Template = """
        {
        	"ociVersion": "1.2.1",
        	"process": {
        		"terminal": true,
        		"user": {
        			"uid": 0,
        			"gid": 0
        		},
        		"args": [
        			"sh"
        		],
        		"env": [
        			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        			"TERM=xterm"
        		],
        		"cwd": "/",
        		"capabilities": {
        			"bounding": [
        				"CAP_AUDIT_WRITE",
        				"CAP_KILL",
        				"CAP_NET_BIND_SERVICE"
        			],
        			"effective": [
        				"CAP_AUDIT_WRITE",
        				"CAP_KILL",
        				"CAP_NET_BIND_SERVICE"
        			],
        			"permitted": [
        				"CAP_AUDIT_WRITE",
        				"CAP_KILL",
        				"CAP_NET_BIND_SERVICE"
        			]
        		},
        		"rlimits": [
        			{
        				"type": "RLIMIT_NOFILE",
        				"hard": 1024,
        				"soft": 1024
        			}
        		],
        		"noNewPrivileges": true
        	},
        	"root": {
        		"path": "rootfs",
        		"readonly": true
        	},
        	"hostname": "runc",
        	"mounts": [
        		{
        			"destination": "/proc",
        			"type": "proc",
        			"source": "proc"
        		},
        		{
        			"destination": "/dev",
        			"type": "tmpfs",
        			"source": "tmpfs",
        			"options": [
        				"nosuid",
        				"strictatime",
        				"mode=755",
        				"size=65536k"
        			]
        		},
        		{
        			"destination": "/dev/pts",
        			"type": "devpts",
        			"source": "devpts",
        			"options": [
        				"nosuid",
        				"noexec",
        				"newinstance",
        				"ptmxmode=0666",
        				"mode=0620",
        				"gid=5"
        			]
        		},
        		{
        			"destination": "/dev/shm",
        			"type": "tmpfs",
        			"source": "shm",
        			"options": [
        				"nosuid",
        				"noexec",
        				"nodev",
        				"mode=1777",
        				"size=65536k"
        			]
        		},
        		{
        			"destination": "/dev/mqueue",
        			"type": "mqueue",
        			"source": "mqueue",
        			"options": [
        				"nosuid",
        				"noexec",
        				"nodev"
        			]
        		},
        		{
        			"destination": "/sys",
        			"type": "sysfs",
        			"source": "sysfs",
        			"options": [
        				"nosuid",
        				"noexec",
        				"nodev",
        				"ro"
        			]
        		},
        		{
        			"destination": "/sys/fs/cgroup",
        			"type": "cgroup",
        			"source": "cgroup",
        			"options": [
        				"nosuid",
        				"noexec",
        				"nodev",
        				"relatime",
        				"ro"
        			]
        		}
        	],
        	"linux": {
        		"resources": {
        			"devices": [
        				{
        					"allow": false,
        					"access": "rwm"
        				}
        			]
        		},
        		"namespaces": [
        			{
        				"type": "pid"
        			},
        			{
        				"type": "network"
        			},
        			{
        				"type": "ipc"
        			},
        			{
        				"type": "uts"
        			},
        			{
        				"type": "mount"
        			},
        			{
        				"type": "cgroup"
        			}
        		],
        		"maskedPaths": [
        			"/proc/acpi",
        			"/proc/asound",
        			"/proc/interrupts",
        			"/proc/kcore",
        			"/proc/keys",
        			"/proc/latency_stats",
        			"/proc/timer_list",
        			"/proc/timer_stats",
        			"/proc/sched_debug",
        			"/sys/firmware",
        			"/sys/devices/virtual/powercap",
        			"/proc/scsi"
        		],
        		"readonlyPaths": [
        			"/proc/bus",
        			"/proc/fs",
        			"/proc/irq",
        			"/proc/sys",
        			"/proc/sysrq-trigger"
        		]
        	}
        }
        """;
}
