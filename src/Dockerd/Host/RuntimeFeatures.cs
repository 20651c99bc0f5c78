using System.Collections.Concurrent;
using System.Text.Json;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Host;

/// <summary>What runtimes say of themselves (<c>RUNTIME features</c>), asked once for each state of their file.</summary>
internal static class RuntimeFeatures
{
    private const int MaxAnswer = 1024 * 1024;
    private static readonly ConcurrentDictionary<string, (DateTime Written, bool Seccomp)> s_known = new(StringComparer.Ordinal);

    /// <summary>Whether the kernel has seccomp filters at all.</summary>
    public static bool KernelSeccomp { get; } = Sys.KnowsSeccompFlags(0);

    /// <summary>
    /// Whether a runtime takes a seccomp profile. One that can't be asked is taken to: it is older than the question, or no runc,
    /// and refuses by itself what it can't do.
    /// </summary>
    public static bool Seccomp(string runtime)
    {
        if (!KernelSeccomp)
            return false;
        if (ProcessSpawn.FindExecutable(runtime) is not { } file)
            return true;
        DateTime written;
        try
        {
            written = File.GetLastWriteTimeUtc(File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? file);
        }
        catch (IOException)
        {
            return true;
        }
        if (s_known.TryGetValue(file, out (DateTime Written, bool Seccomp) known) && known.Written == written)
            return known.Seccomp;
        bool seccomp = Says(Ask(file, "features"));
        s_known[file] = (written, seccomp);
        return seccomp;
    }

    /// <summary>Reads the answer (runtime-spec, features.md).</summary>
    internal static bool Says(byte[] features)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(features);
            return !(document.RootElement.TryGetProperty("linux", out JsonElement linux) && linux.TryGetProperty("seccomp", out JsonElement seccomp)
                && seccomp.TryGetProperty("enabled", out JsonElement enabled) && enabled.ValueKind == JsonValueKind.False);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return true;
        }
    }

    /// <summary>What a program prints when it is called with one argument; empty where it fails.</summary>
    internal static byte[] Ask(string file, string argument)
    {
        using SafeFileHandle devNull = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
        (SafeFileHandle read, SafeFileHandle write) = Sys.Pipe();
        using (read)
        {
            SpawnedProcess process;
            try
            {
                process = ProcessSpawn.Start(new SpawnPlan { Path = file, Arguments = [file, argument], Descriptors = [devNull, write, devNull] });
            }
            catch (LinuxException)
            {
                return [];
            }
            finally
            {
                write.Dispose();
            }
            using (process)
            using (MemoryStream text = new())
            {
                byte[] buffer = new byte[16 * 1024];
                int count;
                while (text.Length < MaxAnswer && (count = Sys.TryRead(read, buffer, out _)) > 0)
                    text.Write(buffer, 0, count);
                read.Dispose();
                return process.Wait().Code == 0 ? text.ToArray() : [];
            }
        }
    }
}
