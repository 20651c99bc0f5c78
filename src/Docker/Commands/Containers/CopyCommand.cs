using System.Buffers;
using System.Formats.Tar;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Formatting;
using AotRuntime.Docker.Terminals;
using AotRuntime.Http;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker cp</c>: a tar archive from or to a container.</summary>
public static class CopyCommand
{
    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("cp", "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\ndocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH", "Copy files between a container and here", ArgumentRule.Exactly(2), static flags =>
    {
        flags.Bool("archive", 'a', "Keep owners");
        flags.Bool("follow-link", 'L', "Follow the source if it is a symbolic link");
        Flag<bool> quiet = flags.Bool("quiet", 'q', "Show no progress");
        return (context, args) => RunAsync(context, args[0], args[1], quiet.Value || !Terminal.IsTerminal(2));
    })
    {
        FullNames = "docker container cp, docker cp",
    };

    private static Task<int> RunAsync(CliContext context, string source, string destination, bool quiet)
    {
        (string from, string fromPath) = Split(source);
        (string to, string toPath) = Split(destination);
        if (from.Length > 0 && to.Length > 0)
            throw new CommandException("copying between containers is not supported");
        if (from.Length == 0 && to.Length == 0)
            throw new CommandException("must specify at least one container source");
        return from.Length > 0 ? FromAsync(context, from, fromPath, toPath, quiet) : ToAsync(context, fromPath, to, toPath, quiet);
    }

    // An absolute or dotted path is never a container's, whatever colons it has.
    private static (string Container, string Path) Split(string argument)
    {
        if (argument.StartsWith('/') || argument.StartsWith('.'))
            return ("", argument);
        int colon = argument.IndexOf(':');
        return colon < 0 ? ("", argument) : (argument[..colon], argument[(colon + 1)..]);
    }

    private static string ArchivePath(string container, string path) =>
        new Query($"/containers/{Query.Segment(container)}/archive").Add("path", path).ToString();

    private static async Task<int> FromAsync(CliContext context, string container, string path, string destination, bool quiet)
    {
        HttpResponse response = await context.Engine.OpenAsync("GET", ArchivePath(container, path)).ConfigureAwait(false);
        await using (response.ConfigureAwait(false))
        {
            if (destination == "-")
            {
                await Streams.HijackedSession.PumpAsync(response.Body, null, context.Out).ConfigureAwait(false);
                return 0;
            }
            bool contents = path.EndsWith("/.", StringComparison.Ordinal);
            bool into = Directory.Exists(destination);
            if (!into && destination.EndsWith('/'))
                throw new CommandException($"no such directory: {destination}");
            long size = await ExtractAsync(response.Body.AsStream(), destination, into, contents).ConfigureAwait(false);
            if (!quiet)
                context.Error.Write($"Successfully copied {ByteSize.HumanShort(size)} to {destination}\n");
        }
        return 0;
    }

    // The archive's first part is the source's base name; a destination that isn't there takes its place.
    private static async Task<long> ExtractAsync(Stream archive, string destination, bool into, bool contents)
    {
        string root = Path.GetFullPath(destination);
        TarReader reader = new(archive, leaveOpen: true);
        await using (reader.ConfigureAwait(false))
        {
            long size = 0;
            while (await reader.GetNextEntryAsync().ConfigureAwait(false) is { } entry)
            {
                string name = entry.Name.Trim('/');
                if (!into || contents)
                {
                    int slash = name.IndexOf('/');
                    name = slash < 0 ? "" : name[(slash + 1)..];
                }
                string target = Path.GetFullPath(name.Length == 0 ? root : Path.Combine(root, name));
                if (target != root && !target.StartsWith(root.TrimEnd('/') + "/", StringComparison.Ordinal))
                    throw new CommandException($"invalid path in archive: {entry.Name}");
                RefuseLinkedParents(root, target);
                size += entry.Length;
                await ExtractOneAsync(entry, target).ConfigureAwait(false);
            }
            return size;
        }
    }

    // A link that the archive made must not lead later entries out of the destination.
    private static void RefuseLinkedParents(string root, string target)
    {
        for (string? parent = Path.GetDirectoryName(target); parent is not null && parent.Length > root.Length; parent = Path.GetDirectoryName(parent))
        {
            if (new FileInfo(parent).LinkTarget is not null)
                throw new CommandException($"invalid path in archive: {target}: parent is a symbolic link");
        }
    }

    private static async Task ExtractOneAsync(TarEntry entry, string target)
    {
        switch (entry.EntryType)
        {
            case TarEntryType.Directory:
                Directory.CreateDirectory(target, entry.Mode);
                break;
            case TarEntryType.SymbolicLink:
                File.Delete(target);
                File.CreateSymbolicLink(target, entry.LinkName);
                break;
            case TarEntryType.RegularFile or TarEntryType.V7RegularFile:
                if (new FileInfo(target).LinkTarget is not null)
                    File.Delete(target);
                await entry.ExtractToFileAsync(target, overwrite: true).ConfigureAwait(false);
                break;
            default:
                throw new CommandException($"cannot copy {entry.Name}: unsupported type {entry.EntryType}");
        }
    }

    private static async Task<int> ToAsync(CliContext context, string source, string container, string destination, bool quiet)
    {
        string temporary = Path.GetTempFileName();
        try
        {
            string folder = destination;
            long size = 0;
            FileStream file = new(temporary, FileMode.Create, FileAccess.ReadWrite);
            await using (file.ConfigureAwait(false))
            {
                if (source == "-")
                {
                    Stream input = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(0, false), FileAccess.Read);
                    await input.CopyToAsync(file).ConfigureAwait(false);
                }
                else
                {
                    (folder, string name) = await PlaceAsync(context, container, destination, source).ConfigureAwait(false);
                    size = await PackAsync(file, source, name).ConfigureAwait(false);
                }
            }
            byte[] archive = await File.ReadAllBytesAsync(temporary).ConfigureAwait(false);
            string path = new Query($"/containers/{Query.Segment(container)}/archive").Add("noOverwriteDirNonDir", "true").Add("path", folder).ToString();
            HttpResponse response = await context.Engine.OpenAsync("PUT", path, archive, new HttpHeaders { { "Content-Type", "application/x-tar" } }).ConfigureAwait(false);
            await response.DisposeAsync().ConfigureAwait(false);
            if (!quiet)
                context.Error.Write($"Successfully copied {ByteSize.HumanShort(size)} to {container}:{destination}\n");
            return 0;
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    // A folder takes the source under its own name; anything else is replaced, or made, under the destination's.
    private static async Task<(string Folder, string Name)> PlaceAsync(CliContext context, string container, string destination, string source)
    {
        string own = source.EndsWith("/.", StringComparison.Ordinal) ? "." : Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(source)));
        try
        {
            HttpResponse stat = await context.Engine.OpenAsync("HEAD", ArchivePath(container, destination)).ConfigureAwait(false);
            await using (stat.ConfigureAwait(false))
            {
                using JsonDocument what = JsonDocument.Parse(Convert.FromBase64String(stat.Headers["X-Docker-Container-Path-Stat"] ?? "e30="));
                // Go's os.ModeDir.
                bool directory = ((ulong)what.RootElement.Number("mode") & 0x80000000) != 0;
                if (directory)
                    return (destination, own);
            }
        }
        catch (EngineException e) when (e.IsNotFound && !destination.EndsWith('/'))
        {
            // Not there yet: it is made, if its folder is there.
            own = "";
        }
        string parent = Path.GetDirectoryName(destination) is { Length: > 0 } told ? told : "/";
        return (parent, Path.GetFileName(destination));
    }

    private static async Task<long> PackAsync(Stream output, string source, string name)
    {
        if (!File.Exists(source) && !Directory.Exists(source) && new FileInfo(source).LinkTarget is null)
            throw new CommandException($"lstat {Path.GetFullPath(source)}: no such file or directory");
        TarWriter writer = new(output, TarEntryFormat.Pax, leaveOpen: true);
        await using (writer.ConfigureAwait(false))
        {
            if (!Directory.Exists(source))
            {
                await writer.WriteEntryAsync(source, name).ConfigureAwait(false);
                return output.Length;
            }
            if (name != ".")
                await writer.WriteEntryAsync(source, name).ConfigureAwait(false);
            string root = Path.GetFullPath(source);
            foreach (string path in Directory.EnumerateFileSystemEntries(root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }))
                await writer.WriteEntryAsync(path, $"{name}/{Path.GetRelativePath(root, path)}").ConfigureAwait(false);
        }
        return output.Length;
    }
}
