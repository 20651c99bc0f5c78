using System.Net;
using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;
using AotRuntime.Docker.Commands.Images;
using AotRuntime.Docker.References;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary>Creates a container, pulling its image where it is missing: what run and create have in common.</summary>
public static class ContainerCreation
{
    /// <summary>Checks the value of <c>--pull</c>.</summary>
    public static void CheckPull(ContainerFlags flags)
    {
        if (flags.Pull.Value is not ("" or "always" or "missing" or "never"))
            throw new CommandException($"invalid pull option: '{flags.Pull.Value}': must be one of \"always\", \"missing\" or \"never\"");
    }

    /// <summary>Creates, and gives the ID.</summary>
    public static async Task<string> CreateAsync(CliContext context, ContainerFlags flags, ContainerSpec spec)
    {
        using CidFile? cid = flags.CidFile.Value.Length > 0 ? CidFile.Create(flags.CidFile.Value) : null;
        // An ID is no name; the daemon finds it, and it can't be pulled.
        ImageName? name = IsImageId(spec.Image) ? null : ImageName.Parse(spec.Image).WithDefaultTag;
        if (flags.Pull.Value == "always" && name is not null)
            await PullAsync(context, flags, name).ConfigureAwait(false);

        string path = new Query("/containers/create")
            .AddUnlessEmpty("name", flags.Name.Value)
            .AddUnlessEmpty("platform", flags.Platform.Value)
            .ToString();
        byte[] body = spec.ToJson(spec.Image, context.Engine.Version);
        JsonDocument answer;
        try
        {
            answer = await context.Engine.PostJsonAsync(path, body).ConfigureAwait(false);
        }
        catch (EngineException e) when (e.IsNotFound && name is not null && flags.Pull.Value == "missing")
        {
            if (!flags.Quiet.Value)
                context.Error.Write($"Unable to find image '{name.Familiar}' locally\n");
            await PullAsync(context, flags, name).ConfigureAwait(false);
            answer = await context.Engine.PostJsonAsync(path, body).ConfigureAwait(false);
        }
        using (answer)
        {
            string id = answer.RootElement.Text("Id");
            foreach (string warning in answer.RootElement.Texts("Warnings"))
                context.Error.Write($"WARNING: {warning}\n");
            foreach (string server in flags.Dns.Values)
            {
                if (IPAddress.TryParse(server, out IPAddress? address) && IPAddress.IsLoopback(address))
                {
                    context.Error.Write($"WARNING: Localhost DNS ({server}) may fail in containers.\n");
                    break;
                }
            }
            cid?.Write(id);
            return id;
        }
    }

    private static Task PullAsync(CliContext context, ContainerFlags flags, ImageName name) =>
        ImagePull.RunAsync(context, name, flags.Platform.Value, flags.Quiet.Value ? null : context.Error);

    private static bool IsImageId(string text)
    {
        string hex = text.StartsWith("sha256:", StringComparison.Ordinal) ? text[7..] : text;
        return hex.Length == 64 && !hex.AsSpan().ContainsAnyExcept("0123456789abcdef");
    }

    private sealed class CidFile : IDisposable
    {
        private readonly FileStream _file;
        private bool _written;

        private CidFile(FileStream file) => _file = file;

        public static CidFile Create(string path)
        {
            try
            {
                return new CidFile(new FileStream(path, FileMode.CreateNew, FileAccess.Write));
            }
            catch (IOException) when (File.Exists(path))
            {
                throw new CommandException($"container ID file found, make sure the other container isn't running or delete {path}");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new CommandException($"failed to create the container ID file: {e.Message}");
            }
        }

        public void Write(string id)
        {
            _file.Write(System.Text.Encoding.ASCII.GetBytes(id));
            _written = true;
        }

        // A file without an ID would keep the next run from starting.
        public void Dispose()
        {
            _file.Dispose();
            if (!_written)
                File.Delete(_file.Name);
        }
    }
}
