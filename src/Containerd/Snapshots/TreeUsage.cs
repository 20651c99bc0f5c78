using System.Text;
using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Containerd;

/// <summary>How much of the disk a tree takes; a file with several names counts once.</summary>
internal static class TreeUsage
{
    public static (long Size, long Inodes) Of(string root)
    {
        long blocks = 0;
        HashSet<ulong> inodes = [];
        Stack<string> folders = new([root]);
        using SafeFileHandle slash = Sys.Open("/", OpenFlags.Directory | OpenFlags.Path);
        Add(root);
        while (folders.TryPop(out string? folder))
        {
            foreach (string entry in Directory.EnumerateFileSystemEntries(folder))
            {
                if (Add(entry))
                    folders.Push(entry);
            }
        }
        return (blocks * 512, inodes.Count);

        // Gives whether it is a folder.
        bool Add(string path)
        {
            if (Stat(slash, path) is not { } status)
                return false;
            if (inodes.Add(status.Inode))
                blocks += (long)status.Blocks;
            return status.IsDirectory;
        }
    }

    // Null: removed while we walked.
    private static FileStatus? Stat(SafeFileHandle at, string path) =>
        Sys.TryStatAt(at, Encoding.UTF8.GetBytes(path + "\0"), out FileStatus status) == Errno.None ? status : null;
}
