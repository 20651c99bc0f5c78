using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Images;

/// <summary>The bar that Docker draws into the <c>progress</c> member, 200 columns wide, for clients that only print it.</summary>
internal static class ProgressBar
{
    private const int Width = 50;

    /// <summary><c>[=====>      ]  1.2MB/2.5MB</c>; empty where nothing is known.</summary>
    public static string Draw(long current, long total)
    {
        if (current <= 0 && total <= 0)
            return "";
        string done = ByteSize.Human(current);
        if (total <= 0)
            return $"{done,8}";
        int filled = Math.Min(Width, (int)((double)current / total * 100) / 2);
        string bar = $"[{new string('=', filled)}>{new string(' ', Width - filled)}] ";
        return current > total ? $"{bar}{done,8}" : $"{bar}{done,8}/{ByteSize.Human(total)}";
    }
}
