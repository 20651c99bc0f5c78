using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.State;

/// <summary>The directories of containers under one root.</summary>
internal static class StateStore
{
    public const string FileName = "state.json";
    public const string FifoName = "exec.fifo";

    /// <summary>The directory of a container.</summary>
    /// <exception cref="RuncException">The id is no id.</exception>
    public static string DirectoryOf(string root, string id)
    {
        RequireId(id);
        return root.TrimEnd('/') + "/" + id;
    }

    /// <summary>Letters, digits and "_+-.", and no name that stands for a directory.</summary>
    public static void RequireId(string id)
    {
        if (id.Length == 0)
            throw new RuncException("container id cannot be empty");
        foreach (char c in id)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '+' or '-' or '.'))
                throw new RuncException("invalid container ID format");
        }
        if (id is "." or "..")
            throw new RuncException("invalid container ID format");
    }

    /// <summary>Whether there is such a container.</summary>
    public static bool Exists(string directory) => File.Exists(directory + "/" + FileName);

    /// <summary>Null where there is no such container, or not yet.</summary>
    public static ContainerState? Load(string directory)
    {
        byte[] json;
        try
        {
            json = Sys.ReadSmallFile(directory + "/" + FileName);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
        return SpecFile.Parse(json, SpecJson.ContainerState, directory + "/" + FileName);
    }

    /// <summary>Writes the state so that a reader sees the old or the new one.</summary>
    public static void Save(string directory, ContainerState state)
    {
        byte[] json = JsonText.ToBytes(state, SpecJson.ContainerState);
        string temporary = directory + "/." + FileName;
        Sys.CreateSmallFile(temporary, json, 0x180);
        Sys.Rename(temporary, directory + "/" + FileName);
    }

    public static void Remove(string directory)
    {
        try
        {
            // Most often there is nothing else in it.
            Sys.Unlink(directory + "/" + FileName);
            Sys.Rmdir(directory);
            return;
        }
        catch (LinuxException)
        {
        }
        try
        {
            Criu.CriuRestore.RemoveRoot(directory);
            Directory.Delete(directory, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            return;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or LinuxException)
        {
            throw new RuncException($"unable to remove container state dir: {e.Message}", e);
        }
    }
}
