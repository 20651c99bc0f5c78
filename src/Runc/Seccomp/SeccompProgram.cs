namespace AotRuntime.Runc.Seccomp;

/// <summary>A finished filter: what the launcher hands to <c>seccomp(2)</c>.</summary>
internal sealed class SeccompProgram
{
    /// <summary>BPF_MAXINSNS; the kernel takes no longer program.</summary>
    public const int MaxInstructions = 4096;

    /// <summary>struct sock_filter.</summary>
    public const int InstructionSize = 8;

    /// <summary>SECCOMP_FILTER_FLAG_….</summary>
    public required uint Flags { get; init; }

    /// <summary>The instructions as the kernel reads them.</summary>
    public required byte[] Instructions { get; init; }

    /// <summary>Where a listener is to be sent, with what text; none unless there is a rule that notifies.</summary>
    public string? ListenerPath { get; init; }

    /// <inheritdoc cref="ListenerPath"/>
    public string? ListenerMetadata { get; init; }

    /// <summary>The profile that it was made of, as runc keeps it in state.json; empty where nobody asked.</summary>
    public byte[] Profile { get; init; } = [];

    /// <summary>Whether this can be a program at all.</summary>
    public static bool IsPlausible(int length) => length > 0 && length % InstructionSize == 0 && length / InstructionSize <= MaxInstructions;
}
