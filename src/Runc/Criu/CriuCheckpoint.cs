using System.Globalization;
using System.Text;
using AotRuntime.Linux;
using AotRuntime.Runc.Containers;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Plan;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.State;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Runc.Criu;

/// <summary>Has criu write a container's processes to images.</summary>
internal sealed class CriuCheckpoint(Container container, CriuOptions options, int statusFd)
{
    private const string LogFile = "dump.log";

    private bool PreDump => options.IsOn("pre-dump");

    /// <exception cref="RuncException">They could not be written; the container runs on.</exception>
    public void Run()
    {
        ContainerState state = container.State;
        // The images have no room for what is outside: it is told from the bundle, now as for the restore.
        RuntimeSpec spec = SpecFile.LoadConfig(Path.Combine(state.Bundle, SpecFile.Config));
        LinuxSpec linux = spec.Linux ?? new LinuxSpec();
        int version = CriuSession.RequireVersion();
        // pid = 2, leave_running = 3, link_remap = 18, tcp_skip_in_flight = 46
        CriuMessage opts = options.Common(LogFile, state.Rootfs, spec.Annotations)
            .Number(2, state.Pid).Flag(3, options.IsOn("leave-running")).Flag(18, options.IsOn("link-remap")).Flag(46, options.IsOn("tcp-skip-in-flight"));
        ExternalNamespaces(opts, linux, version);
        // freeze_cgroup = 44: without one criu stops the processes by ptrace; cgroup2's freezer it knows since 3.14.
        string? freezer = container.Cgroups.PathOf("freezer") ?? (container.Cgroups.Unified && version >= 31400 ? container.Cgroups.PathOf("") : null);
        if (freezer is not null)
            opts.Text(44, freezer);
        // ps = 11 { address = 1, port = 2 }
        if (options.PageServer is var (host, port))
            opts.Message(11, new CriuMessage().Text(1, host).Number(2, port));
        // parent_img = 14, track_mem = 15
        if (options.ParentPath.Length > 0)
            opts.Text(14, options.ParentPath).Flag(15, true);
        CriuSession.RequireFeatures(PreDump, options.IsOn("lazy-pages"));
        if (options.IsOn("lazy-pages"))
            RequireStatusFd();
        if (!PreDump)
        {
            ExternalMounts(opts, spec);
            SaveDescriptors();
        }
        try
        {
            using CriuSession session = CriuSession.Start();
            session.Ask(PreDump ? CriuKind.PreDump : CriuKind.Dump, new CriuMessage().Message(2, opts), Notified);
            // After a pre-dump criu waits for the next request, and takes it ill that there is none.
            if (!PreDump)
                session.Finish();
        }
        catch (RuncException)
        {
            options.QuoteLog(LogFile);
            throw;
        }
    }

    private void Notified(CriuReply reply, SafeFileHandle? descriptor)
    {
        // "status-ready": the page server listens.
        if (reply.Script != "status-ready" || statusFd < 0)
            return;
        using var status = new SafeFileHandle(statusFd, ownsHandle: true);
        statusFd = -1;
        try
        {
            Sys.WriteDescriptor((int)status.DangerousGetHandle(), [0]);
        }
        catch (LinuxException e)
        {
            RuncLog.Warn($"can't write \\0 to status fd: {e.Errno.Text()}");
        }
    }

    private void RequireStatusFd()
    {
        if (statusFd < 0)
            return;
        const int writeOnly = 1;
        string file = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{statusFd}");
        if (!File.Exists(file))
            throw new RuncException($"invalid --status-fd argument {statusFd}: bad file descriptor");
        // "flags: 0100001", octal; as runc has it, one that may be read too will not do.
        string flags = File.ReadLines(file).First(l => l.StartsWith("flags:", StringComparison.Ordinal))[6..].Trim();
        if ((Convert.ToInt32(flags, 8) & writeOnly) == 0)
            throw new RuncException($"invalid --status-fd argument {statusFd}: not writable");
    }

    private static void ExternalNamespaces(CriuMessage opts, LinuxSpec linux, int version)
    {
        foreach (NamespaceSpec ns in linux.Namespaces ?? [])
        {
            if (string.IsNullOrEmpty(ns.Path) || ns.Type is not ("network" or "pid"))
                continue;
            string name = CriuOptions.KernelName(ns.Type);
            if (version < (ns.Type == "pid" ? 31500 : 31100))
                throw new RuncException($"criu lacks support for external {name} namespace during checkpointing process (old criu version?)");
            // external = 37: "net[INODE]:KEY"
            using SafeFileHandle file = Sys.Open(ns.Path, OpenFlags.ReadOnly);
            string link = ProcLinks.Read(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{(int)file.DangerousGetHandle()}"));
            opts.Text(37, $"{link.Replace(":", "", StringComparison.Ordinal)}:{CriuOptions.ExternalKey(name)}");
        }
    }

    /// <summary>What the container shows of the host by a mount, each by its place inside.</summary>
    private void ExternalMounts(CriuMessage opts, RuntimeSpec spec)
    {
        using var root = new RootPaths(container.State.Rootfs);
        foreach (PlannedMount mount in MountPlanner.Plan(spec, container.State.Bundle, container.Cgroups, []))
        {
            if (mount.Type != "bind")
                continue;
            string place = root.Resolve(mount.Target);
            CriuOptions.ExternalMount(opts, place, place);
        }
        foreach (string path in spec.Linux?.MaskedPaths ?? [])
        {
            if (File.Exists(string.Create(CultureInfo.InvariantCulture, $"/proc/{container.State.Pid}/root/{path}")))
                CriuOptions.ExternalMount(opts, path, "/dev/null");
        }
        foreach (string device in CriuOptions.Devices(spec))
            CriuOptions.ExternalMount(opts, device, device);
    }

    private void SaveDescriptors()
    {
        List<string> descriptors = container.State.Descriptors ?? ["/dev/null", "/dev/null", "/dev/null"];
        string json = "[" + string.Join(',', descriptors.Select(Container.Quote)) + "]";
        Sys.CreateSmallFile(Path.Combine(options.ImagePath, CriuOptions.DescriptorsFile), Encoding.UTF8.GetBytes(json), 0x180);
    }
}
