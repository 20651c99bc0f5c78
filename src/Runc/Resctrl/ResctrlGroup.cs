using System.Globalization;
using System.Text;
using AotRuntime.Linux;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Resctrl;

/// <summary>What later commands need to know of a container's group.</summary>
internal sealed class ResctrlState
{
    /// <summary>The class of service; empty where the container's processes are in nobody's.</summary>
    public string Path { get; set; } = "";
    /// <summary>The folder in which the container alone is counted; null for none.</summary>
    public string? Monitor { get; set; }
    /// <summary>What goes with the container: one of the two, or nothing.</summary>
    public string? Made { get; set; }
}

/// <summary>A container's class of service (config-linux.md, "IntelRdt").</summary>
internal sealed class ResctrlGroup(ResctrlFs fs, ResctrlState state)
{
    public ResctrlState State => state;

    /// <exception cref="RuncException">The machine can't do what the spec asks for.</exception>
    public static void Require(IntelRdtSpec? rdt, ResctrlFs? fs)
    {
        if (rdt is null)
            return;
        if (fs is null)
            throw new RuncException("intelRdt is specified in config, but Intel RDT is not enabled");
        if (rdt.ClosId is "." or ".." || (rdt.ClosId?.Length > 1 && rdt.ClosId.Contains('/')))
            throw new RuncException($"invalid intelRdt.ClosID \"{rdt.ClosId}\"");
        if (!string.IsNullOrEmpty(rdt.L3CacheSchema) && !fs.HasCache)
            throw new RuncException("intelRdt.l3CacheSchema is specified in config, but Intel RDT/CAT is not enabled");
        if (!string.IsNullOrEmpty(rdt.MemBwSchema) && !fs.HasBandwidth)
            throw new RuncException("intelRdt.memBwSchema is specified in config, but Intel RDT/MBA is not enabled");
    }

    /// <summary>The group of a container to be; nothing is made yet.</summary>
    public static ResctrlGroup Of(IntelRdtSpec rdt, string id, ResctrlFs fs)
    {
        // "/" is the class that all processes are in which are in no other.
        string path = rdt.ClosId == "/" ? fs.Root : $"{fs.Root}/{(string.IsNullOrEmpty(rdt.ClosId) ? id : rdt.ClosId)}";
        return new ResctrlGroup(fs, new ResctrlState { Path = path, Monitor = rdt.EnableMonitoring ? $"{path}/mon_groups/{id}" : null });
    }

    /// <summary>Makes the class if it is not there and sets what it may use.</summary>
    public void Create(IntelRdtSpec rdt)
    {
        bool asks = !string.IsNullOrEmpty(rdt.L3CacheSchema) || !string.IsNullOrEmpty(rdt.MemBwSchema) || rdt.Schemata is { Count: > 0 };
        // "If closID is set, and none of schemata, l3CacheSchema, memBwSchema: the runtime MUST check if corresponding pre-configured directory exists".
        if (!string.IsNullOrEmpty(rdt.ClosId) && !asks && !Directory.Exists(state.Path))
            throw new RuncException($"clos dir not accessible (must be pre-created when schemata, l3CacheSchema and memBwSchema are empty): stat {state.Path}: no such file or directory");
        // A class with a name is others' too: it stays.
        if (Make(state.Path) && string.IsNullOrEmpty(rdt.ClosId))
            state.Made = state.Path;
        if (state.Monitor is not null && Make(state.Monitor))
            state.Made ??= state.Monitor;
        if (asks)
            SetSchemata([rdt.L3CacheSchema ?? "", rdt.MemBwSchema ?? "", .. rdt.Schemata ?? []]);
    }

    /// <summary>Writes what the class may use, a line a resource.</summary>
    public void SetSchemata(IEnumerable<string> lines)
    {
        var text = new StringBuilder();
        foreach (string line in lines)
        {
            if (line.Length > 0)
                text.Append(line).Append('\n');
        }
        Write(state.Path + "/schemata", text.ToString(), $"intelrdt: unable to write {Containers.Container.Quote(text.ToString())}");
    }

    /// <summary>Puts a process in; its children are born there.</summary>
    public void Join(int pid)
    {
        string number = pid.ToString(CultureInfo.InvariantCulture);
        foreach (string? directory in (string?[])[state.Path, state.Monitor])
        {
            if (directory is not null)
                Write(directory + "/tasks", number, $"intelrdt: unable to add pid {number}");
        }
    }

    /// <summary>Removes what was made for the container.</summary>
    public void Destroy()
    {
        if (state.Made is null || !Directory.Exists(state.Made))
            return;
        try
        {
            Sys.Rmdir(state.Made);
        }
        catch (LinuxException e) when (e.Errno != Errno.ENOENT)
        {
            throw fs.Refused("unable to remove " + state.Made, e);
        }
    }

    /// <summary>The group of a container that has one; null where the machine has lost the file system.</summary>
    public static ResctrlGroup? Load(ResctrlState? state) => state is not null && ResctrlFs.Find() is { } fs ? new ResctrlGroup(fs, state) : null;

    private bool Make(string directory)
    {
        try
        {
            Sys.Mkdir(directory, 0x1ed);
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            return false;
        }
        catch (LinuxException e)
        {
            throw fs.Refused("mkdir " + directory, e);
        }
    }

    private void Write(string file, string text, string what)
    {
        try
        {
            Sys.WriteSmallFile(file, text);
        }
        catch (LinuxException e)
        {
            throw fs.Refused(what, e);
        }
    }
}
