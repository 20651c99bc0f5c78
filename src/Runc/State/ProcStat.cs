using System.Globalization;
using System.Text;
using AotRuntime.Linux;

namespace AotRuntime.Runc.State;

/// <summary>The two fields of /proc/PID/stat that tell whether a process is there, and whether it is still the same.</summary>
/// <param name="State">R, S, D, Z, X, …</param>
/// <param name="StartTime">Field 22.</param>
internal readonly record struct ProcStat(char State, ulong StartTime)
{
    /// <summary>Null where there is no such process.</summary>
    public static ProcStat? Read(int pid)
    {
        try
        {
            return Parse(Encoding.UTF8.GetString(Sys.ReadSmallFile(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"))));
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return null;
        }
    }

    /// <summary>"pid (name) S ppid …": the name may hold anything, parentheses too.</summary>
    internal static ProcStat Parse(string text)
    {
        int close = text.LastIndexOf(')');
        if (close < 0 || close + 2 >= text.Length)
            throw new RuncException("invalid /proc/PID/stat");
        ReadOnlySpan<char> rest = text.AsSpan(close + 2);
        char state = rest[0];
        for (int field = 3; field < 22; field++)
        {
            int space = rest.IndexOf(' ');
            if (space < 0)
                throw new RuncException("invalid /proc/PID/stat");
            rest = rest[(space + 1)..];
        }
        int end = rest.IndexOf(' ');
        return new ProcStat(state, ulong.Parse(end < 0 ? rest : rest[..end], CultureInfo.InvariantCulture));
    }
}
