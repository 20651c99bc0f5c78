using System.Globalization;
using AotRuntime.Linux;
using AotRuntime.Runc.Logging;

namespace AotRuntime.Runc.Systemd;

/// <summary>systemd's manager, the machine's or a user's (man 5 org.freedesktop.systemd1).</summary>
internal sealed class SystemdManager : IDisposable
{
    private const string Service = "org.freedesktop.systemd1", Object = "/org/freedesktop/systemd1", Manager = "org.freedesktop.systemd1.Manager";
    private const string Bus = "org.freedesktop.DBus", BusObject = "/org/freedesktop/DBus";
    private const int JobMilliseconds = 30_000;
    private readonly DBusConnection _connection;
    private int _version;

    private SystemdManager(DBusConnection connection) => _connection = connection;

    /// <summary>Its version's number; 0 where it does not tell.</summary>
    public int Version => _version != 0 ? _version : _version = Number(Property("Version"));

    /// <summary>The cgroup that it manages, from the root of the hierarchy.</summary>
    public string ControlGroup => Property("ControlGroup");

    /// <summary>Connects to a bus that the environment names, to the bus at its usual place, or where there is none to the manager's own socket.</summary>
    /// <exception cref="RuncException">There is no systemd.</exception>
    public static SystemdManager Open(bool user)
    {
        string? runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        if (user && string.IsNullOrEmpty(runtime))
            runtime = string.Create(CultureInfo.InvariantCulture, $"/run/user/{Sys.EffectiveUser()}");
        string given = Environment.GetEnvironmentVariable(user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS") ?? "";
        (string Addresses, bool IsBus)[] ways =
        [
            (given, true),
            (user ? $"unix:path={runtime}/bus" : "unix:path=/run/dbus/system_bus_socket", true),
            (user ? $"unix:path={runtime}/systemd/private" : "unix:path=/run/systemd/private", false),
        ];
        Exception? why = null;
        foreach ((string addresses, bool isBus) in ways)
        {
            if (addresses.Length == 0)
                continue;
            try
            {
                return Begin(DBusConnection.Open(addresses), isBus);
            }
            catch (Exception e) when (e is RuncException or LinuxException)
            {
                RuncLog.Debug($"{addresses}: {e.Message}");
                why ??= e;
            }
        }
        throw new RuncException($"unable to connect to {(user ? "the user's systemd" : "systemd")}: {why?.Message}", why!);
    }

    /// <summary>Makes a transient unit, and waits until it is there.</summary>
    /// <exception cref="RuncException">systemd refused, or did not get it done.</exception>
    public void StartTransientUnit(string name, List<UnitProperty> properties)
    {
        DBusValue[] arguments = [DBusValue.String(name), DBusValue.String("replace"), Array(properties), DBusValue.Array("(sa(sv))", [])];
        List<DBusValue> answer;
        try
        {
            answer = Call("StartTransientUnit", arguments);
        }
        catch (DBusError e) when (e.Name.EndsWith(".UnitExists", StringComparison.Ordinal))
        {
            // It may be one that failed and was left for somebody to look at.
            ResetFailed(name);
            answer = Call("StartTransientUnit", arguments);
        }
        string result = Await(answer);
        if (result != "done")
        {
            ResetFailed(name);
            throw new RuncException($"error creating systemd unit `{name}`: got `{result}`");
        }
    }

    /// <summary>Sets properties until the next boot.</summary>
    public void SetUnitProperties(string name, List<UnitProperty> properties)
    {
        if (properties.Count > 0)
            Call("SetUnitProperties", DBusValue.String(name), DBusValue.Boolean(true), Array(properties));
    }

    /// <summary>Stops a unit and lets systemd forget it; one that is gone already is no error.</summary>
    public void StopUnit(string name)
    {
        try
        {
            string result = Await(Call("StopUnit", DBusValue.String(name), DBusValue.String("replace")));
            if (result != "done")
                RuncLog.Warn($"error removing unit `{name}`: got `{result}`. Continuing...");
        }
        catch (DBusError e)
        {
            RuncLog.Debug($"{name}: {e.Message}");
        }
        ResetFailed(name);
    }

    /// <summary>Moves a process into a unit's cgroup, or into one below it: what the user may not do by himself from where he is.</summary>
    public void AttachProcess(string name, string below, int pid) =>
        Call("AttachProcessesToUnit", DBusValue.String(name), DBusValue.String(below), DBusValue.Array("u", [DBusValue.UInt32((uint)pid)]));

    public void Dispose() => _connection.Dispose();

    /// <summary>"v245.4-1.fc32", "252.39-1~deb12u2": the first number.</summary>
    internal static int Number(string version)
    {
        string digits = version.TrimStart('v');
        int end = 0;
        while (end < digits.Length && char.IsAsciiDigit(digits[end]))
            end++;
        return int.TryParse(digits.AsSpan(0, end), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;
    }

    private static DBusValue Array(List<UnitProperty> properties) =>
        DBusValue.Array("(sv)", properties.ConvertAll(p => DBusValue.Struct(DBusValue.String(p.Name), DBusValue.Variant(p.Value))));

    // On a bus signals go only to who asks for them, and systemd sends none unless somebody has subscribed.
    private static SystemdManager Begin(DBusConnection connection, bool isBus)
    {
        var manager = new SystemdManager(connection);
        try
        {
            if (isBus)
            {
                connection.Call(Bus, BusObject, Bus, "Hello");
                connection.Call(Bus, BusObject, Bus, "AddMatch", DBusValue.String($"type='signal',interface='{Manager}',member='JobRemoved',path='{Object}'"));
            }
            manager.Call("Subscribe");
            return manager;
        }
        catch (Exception)
        {
            manager.Dispose();
            throw;
        }
    }

    private List<DBusValue> Call(string member, params ReadOnlySpan<DBusValue> arguments) => _connection.Call(Service, Object, Manager, member, arguments);

    /// <summary>JobRemoved(u id, o job, s unit, s result) of the job that an answer names: its result.</summary>
    private string Await(List<DBusValue> answer)
    {
        string? job = answer is [{ Signature: "o" } path] ? path.Text : throw new DBusFormatException("no job");
        long end = Environment.TickCount64 + JobMilliseconds;
        while (_connection.NextSignal(end) is { } signal)
        {
            if (signal.Member == "JobRemoved" && signal.Signature == "uoss" && signal.Body() is var body && body[1].Text == job)
                return body[3].Text!;
        }
        return "timeout";
    }

    private void ResetFailed(string name)
    {
        try
        {
            Call("ResetFailedUnit", DBusValue.String(name));
        }
        catch (DBusError e)
        {
            RuncLog.Debug($"{name}: {e.Message}");
        }
    }

    private string Property(string name) =>
        _connection.Call(Service, Object, "org.freedesktop.DBus.Properties", "Get", DBusValue.String(Manager), DBusValue.String(name))
            is [{ Signature: "v", Items: [{ Text: { } text }] }] ? text : throw new DBusFormatException(name);
}
