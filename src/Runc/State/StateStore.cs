using System.Buffers;
using System.Globalization;
using System.Text.Json;
using AotRuntime.Json;
using AotRuntime.Linux;
using AotRuntime.Runc.Spec;
using AotRuntime.Runc.State.Libcontainer;

namespace AotRuntime.Runc.State;

/// <summary>
/// The directories of containers under one root. state.json is runc's own, with a member more: so either program goes on with what the other
/// has made, and finds all that it would have written itself.
/// </summary>
internal static class StateStore
{
    public const string FileName = "state.json";
    public const string FifoName = "exec.fifo";

    /// <summary>The member that others ignore, the first one: who finds it need not read on.</summary>
    private static ReadOnlySpan<byte> OwnName => "aotruntime"u8;

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
        return Parse(json, directory + "/" + FileName);
    }

    /// <summary>What the file says: our own part, which comes first, or where another has written it, what can be told from the rest.</summary>
    internal static ContainerState Parse(ReadOnlySpan<byte> json, string name)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            if (reader.Read() && reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals(OwnName) && reader.Read())
                return SpecJson.ContainerState.Read(ref reader) ?? throw new RuncException($"{name}: null");
        }
        catch (JsonException e)
        {
            throw new RuncException($"unable to parse {name}: {e.Message}", e);
        }
        return StateForm.ToState(SpecFile.Parse(json, LibcontainerJson.LibcontainerState, name));
    }

    /// <summary>Writes the state so that a reader sees the old or the new one.</summary>
    /// <param name="directory">The container's.</param>
    /// <param name="state">What is our own of it.</param>
    /// <param name="config">By <see cref="ConfigForm"/>, for others.</param>
    public static void Save(string directory, ContainerState state, ReadOnlySpan<byte> config)
    {
        string temporary = directory + "/." + FileName;
        Sys.CreateSmallFile(temporary, ToBytes(state, config), 0x180);
        Sys.Rename(temporary, directory + "/" + FileName);
    }

    internal static byte[] ToBytes(ContainerState state, ReadOnlySpan<byte> config)
    {
        var output = new ArrayBufferWriter<byte>(config.Length + 4096);
        using var writer = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = GoJsonEncoder.Html, SkipValidation = true });
        writer.WriteStartObject();
        writer.WritePropertyName(OwnName);
        SpecJson.ContainerState.Write(writer, state);
        writer.WriteString("id"u8, state.Id);
        // -1 is what runc writes where there is none yet.
        writer.WriteNumber("init_process_pid"u8, state.Pid > 0 ? state.Pid : -1);
        writer.WriteNumber("init_process_start"u8, state.StartTime);
        writer.WriteString("created"u8, state.Created);
        writer.WritePropertyName("config"u8);
        writer.WriteRawValue(config, skipInputValidation: true);
        writer.WriteBoolean("rootless"u8, state.RootlessCgroups && Sys.EffectiveUser() != 0);
        writer.WriteStartObject("cgroup_paths"u8);
        foreach ((string controller, string path) in state.Cgroups)
            writer.WriteString(controller, path);
        writer.WriteEndObject();
        writer.WriteStartObject("namespace_paths"u8);
        if (state.Pid > 0)
        {
            string pid = state.Pid.ToString(CultureInfo.InvariantCulture);
            foreach ((_, string name, string file) in NamespaceForm.All)
                writer.WriteString(name, $"/proc/{pid}/ns/{file}");
        }
        writer.WriteEndObject();
        writer.WriteStartArray("external_descriptors"u8);
        foreach (string descriptor in state.Descriptors ?? [])
            writer.WriteStringValue(descriptor);
        writer.WriteEndArray();
        writer.WriteString("intel_rdt_path"u8, state.Resctrl?.Path ?? "");
        if (state.Resctrl?.Monitor is { } monitor)
            writer.WriteString("intel_rdt_mon_path"u8, monitor);
        writer.WriteEndObject();
        writer.Flush();
        return output.WrittenSpan.ToArray();
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
