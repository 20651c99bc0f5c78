using System.Globalization;
using AotRuntime.Dockerd.Config;

namespace AotRuntime.Dockerd.Host;

/// <summary>The file that keeps a second daemon from starting.</summary>
internal sealed class Pidfile : IDisposable
{
    private readonly string _path;

    private Pidfile(string path) => _path = path;

    /// <summary>Writes it.</summary>
    /// <exception cref="ConfigException">A daemon that is alive holds it.</exception>
    public static Pidfile? Create(string path)
    {
        if (path.Length == 0)
            return null;
        if (File.Exists(path) && int.TryParse(File.ReadAllText(path).AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
            && pid != Environment.ProcessId && IsAlive(pid))
        {
            throw new ConfigException($"failed to start daemon: process with PID {pid.ToString(CultureInfo.InvariantCulture)} is still running, ensure docker is not running or delete {path}");
        }
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
            Directory.CreateDirectory(folder);
        File.WriteAllText(path, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        return new Pidfile(path);
    }

    /// <summary>Whether a process runs; one that was killed and waits for its parent does not (man 5 proc_pid_stat, "Z").</summary>
    private static bool IsAlive(int pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..] is not ['Z' or 'X', ..];
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => File.Delete(_path);
}
