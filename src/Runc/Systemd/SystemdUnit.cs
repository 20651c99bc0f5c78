using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Systemd;

/// <summary>The transient unit that a container's cgroups belong to.</summary>
internal sealed class SystemdUnit
{
    private readonly bool _user;
    private SystemdManager? _manager;

    private bool _ours;

    /// <param name="name">systemd's name of it.</param>
    /// <param name="user">Whether it is the user's systemd that has it.</param>
    /// <param name="exists">Whether it was made for this container before.</param>
    public SystemdUnit(string name, bool user, bool exists)
    {
        Name = name;
        _user = user;
        _ours = exists;
    }

    public string Name { get; }

    private SystemdManager Manager => _manager ??= SystemdManager.Open(_user);

    /// <summary>The cgroup that <see cref="UnitName.Path"/> is below.</summary>
    public string Root() => _user ? Manager.ControlGroup.TrimEnd('/') : "";

    /// <summary>Makes it, around a process that is to be its first: there is no scope without.</summary>
    public void Start(UnitName name, RuntimeSpec spec, bool unified, int pid)
    {
        List<UnitProperty> properties = UnitProperties.Start(name, _user, unified, pid, spec);
        try
        {
            Manager.StartTransientUnit(Name, properties);
            _ours = true;
        }
        // As runc words it: on v1 it hands on what systemd says.
        catch (RuncException e) when (unified)
        {
            throw new RuncException($"unable to start unit \"{Name}\" (properties [{string.Join(' ', properties)}]): {e.Message}", e);
        }
    }

    /// <summary>Tells systemd of limits, before they go to the files.</summary>
    public void Set(ResourcesSpec resources, bool unified, bool devices)
    {
        int Version() => Manager.Version;
        List<UnitProperty> properties = unified ? UnitProperties.Unified(resources, Version) : UnitProperties.V1(resources, devices, Version);
        try
        {
            Manager.SetUnitProperties(Name, properties);
        }
        catch (DBusError e) when (unified)
        {
            throw new RuncException($"unable to set unit properties: {e.Message}", e);
        }
    }

    public void Attach(int pid, string below) => Manager.AttachProcess(Name, below, pid);

    /// <summary>Ends what is in it, and it. One of that name that is another's is left alone.</summary>
    public void Stop()
    {
        if (_ours)
            Manager.StopUnit(Name);
    }

    /// <summary>Gives the connection up until it is needed again.</summary>
    public void Disconnect()
    {
        _manager?.Dispose();
        _manager = null;
    }
}
