using System.Globalization;
using AotRuntime.Dockerd.Api;
using AotRuntime.EngineApi;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Dockerd.Host;

/// <summary>A container's processes, as the host's ps shows them.</summary>
internal static class ProcessTable
{
    /// <summary>Runs <c>ps</c> and keeps the lines of <paramref name="pids"/>.</summary>
    /// <exception cref="ApiException">400: the arguments give no PID column.</exception>
    public static ContainerTopResponse List(IReadOnlyList<int> pids, string arguments)
    {
        string[] words = arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        // The columns that would run other programs or write files are none of ps's; nothing else is left to check.
        string output = RunPs(words);
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length == 0)
            throw ApiException.Internal("error running ps: no output");
        List<string> titles = [.. lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        int column = titles.IndexOf("PID");
        if (column < 0)
            throw ApiException.BadRequest("Couldn't find PID field in ps output");
        HashSet<string> wanted = [.. pids.Select(p => p.ToString(CultureInfo.InvariantCulture))];
        ContainerTopResponse result = new() { Titles = titles };
        foreach (string line in lines.Skip(1))
        {
            List<string> fields = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
            if (fields.Count <= column || !wanted.Contains(fields[column]))
                continue;
            // The last column is the command, with its spaces.
            if (fields.Count > titles.Count)
            {
                fields[titles.Count - 1] = string.Join(' ', fields.Skip(titles.Count - 1));
                fields.RemoveRange(titles.Count, fields.Count - titles.Count);
            }
            result.Processes.Add(fields);
        }
        return result;
    }

    private static string RunPs(string[] arguments)
    {
        (SafeFileHandle read, SafeFileHandle write) = Sys.Pipe();
        using SafeFileHandle devNull = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
        ChildExit exit;
        string output;
        using (read)
        {
            using SpawnedProcess process = Start(arguments, devNull, write);
            write.Dispose();
            using MemoryStream text = new();
            byte[] buffer = new byte[16 * 1024];
            int count;
            while ((count = Sys.TryRead(read, buffer, out _)) > 0)
                text.Write(buffer, 0, count);
            exit = process.Wait();
            output = global::System.Text.Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
        }
        if (output.Length == 0)
            throw ApiException.Internal($"error running ps: exit status {exit}");
        return output;
    }

    private static SpawnedProcess Start(string[] arguments, SafeFileHandle devNull, SafeFileHandle write)
    {
        try
        {
            return ProcessSpawn.Start(new SpawnPlan { Path = "ps", Arguments = ["ps", .. arguments], Descriptors = [devNull, write, devNull] });
        }
        catch (LinuxException e)
        {
            write.Dispose();
            throw ApiException.Internal($"error running ps: {e.Message}", e);
        }
    }
}
