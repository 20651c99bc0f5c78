using AotRuntime.Linux;
using AotRuntime.Runc.Logging;

namespace AotRuntime.Runc.Tracing;

/// <summary>Records the timeline of a container's start, where that is wanted.</summary>
internal static class Trace
{
    /// <summary>Beside state.json, for <c>runc trace</c>.</summary>
    public const string FileName = "trace";

    private static string _file = "";

    /// <summary>Whether there is a timeline. What a step is called need not be made up otherwise.</summary>
    public static bool IsOn { get; private set; }

    /// <summary>Begins it; <paramref name="file"/> is where <see cref="Write"/> puts it, or empty.</summary>
    /// <exception cref="RuncException">There can be no such file.</exception>
    public static void Begin(string file)
    {
        try
        {
            if (file.Length > 0)
                Sys.CreateSmallFile(file, [], 0x1b6);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"open {file}: {e.Errno.Text()}", e);
        }
        _file = file;
        Launcher.BeginTrace();
        IsOn = true;
    }

    /// <summary>A step begins.</summary>
    public static void Step(string text)
    {
        if (IsOn)
            Launcher.TraceStep(text);
    }

    /// <summary>From here on it is kept in the container's directory.</summary>
    public static void Keep(string directory)
    {
        if (IsOn)
            Launcher.KeepTrace(directory + "/" + FileName);
    }

    /// <summary>Goes on with the timeline of a container that was created.</summary>
    public static void Resume(string directory) => IsOn = Launcher.ResumeTrace(directory + "/" + FileName);

    /// <summary>Writes the file that was asked for, once: as JSON where that is its suffix. The container is not to suffer where it can't be written.</summary>
    public static void Write()
    {
        if (_file.Length == 0)
            return;
        string file = _file;
        _file = "";
        try
        {
            byte[] text = new Timeline(Launcher.ReadTrace()).Format(json: file.EndsWith(".json", StringComparison.Ordinal));
            Sys.CreateSmallFile(file, text, 0x1b6);
        }
        catch (LinuxException e)
        {
            RuncLog.Warn($"timeline: {e.Message}");
        }
    }
}
