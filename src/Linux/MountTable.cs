using System.Text;

namespace AotRuntime.Linux;

/// <summary>The mounts that this process sees (<c>man 5 proc_pid_mountinfo</c>).</summary>
public static class MountTable
{
    private const int UMOUNT_NOFOLLOW = 8;
    private const int MNT_DETACH = 2;

    /// <summary>Where something is mounted, in the order of mounting.</summary>
    public static List<string> Points()
    {
        var points = new List<string>();
        foreach (string line in File.ReadLines("/proc/self/mountinfo"))
        {
            // 36 35 98:0 /root /mount/point …
            string[] fields = line.Split(' ', 6);
            if (fields.Length > 4)
                points.Add(Unescape(fields[4]));
        }
        return points;
    }

    /// <summary>Unmounts all that is mounted at or below <paramref name="path"/>, the newest first; nothing there is no error.</summary>
    /// <exception cref="LinuxException">Something stayed mounted.</exception>
    public static void UnmountTree(string path, bool detach = false)
    {
        string below = path.TrimEnd('/') + "/";
        List<string> points = Points();
        for (int i = points.Count - 1; i >= 0; i--)
        {
            if (points[i] != path && !points[i].StartsWith(below, StringComparison.Ordinal))
                continue;
            try
            {
                Sys.Unmount(points[i], UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0));
            }
            catch (LinuxException e) when (e.Errno is Errno.EINVAL or Errno.ENOENT)
            {
                // Gone in the meantime: that is what was wanted.
                continue;
            }
        }
    }

    /// <summary>A space, a tab, a newline and a backslash are written \040, \011, \012 and \134.</summary>
    public static string Unescape(string text)
    {
        if (!text.Contains('\\'))
            return text;
        var plain = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length && Octal(text[i + 1]) && Octal(text[i + 2]) && Octal(text[i + 3]))
            {
                plain.Append((char)((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
                i += 3;
            }
            else
            {
                plain.Append(text[i]);
            }
        }
        return plain.ToString();

        static bool Octal(char c) => c is >= '0' and <= '7';
    }
}
