using AotRuntime.Linux;
using AotRuntime.Runc.Seccomp;

namespace AotRuntime.Runc.State;

/// <summary>A container's seccomp filter, for processes that come later. The program itself is a file beside state.json.</summary>
internal sealed class SeccompState
{
    private const string FileName = "/seccomp.bpf";

    public uint Flags { get; set; }
    public string? ListenerPath { get; set; }
    public string? ListenerMetadata { get; set; }

    /// <summary>Keeps the program in the container's directory.</summary>
    public static SeccompState? Save(string directory, SeccompProgram? program)
    {
        if (program is null)
            return null;
        Sys.CreateSmallFile(directory + FileName, program.Instructions, 0x180);
        return new SeccompState { Flags = program.Flags, ListenerPath = program.ListenerPath, ListenerMetadata = program.ListenerMetadata };
    }

    /// <summary>The program that <see cref="Save"/> kept.</summary>
    /// <exception cref="RuncException">It is not there, or damaged: without it nothing may be started.</exception>
    public SeccompProgram Load(string directory)
    {
        byte[] instructions;
        try
        {
            instructions = Sys.ReadSmallFile(directory + FileName);
        }
        catch (LinuxException e)
        {
            throw new RuncException($"the container's seccomp filter can't be read: {e.Message}", e);
        }
        if (!SeccompProgram.IsPlausible(instructions.Length))
            throw new RuncException($"the container's seccomp filter is damaged: {instructions.Length} bytes");
        return new SeccompProgram { Flags = Flags, Instructions = instructions, ListenerPath = ListenerPath, ListenerMetadata = ListenerMetadata };
    }
}
