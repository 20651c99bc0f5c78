using System.Buffers;
using System.Text.Json;

namespace AotRuntime.Dockerd.Oci;

/// <summary>When a rule of a profile is there: all that is named must hold. Empty holds always.</summary>
internal sealed record SeccompCondition
{
    /// <summary>CAP_… of the container.</summary>
    public IReadOnlyList<string> Capabilities { get; init; } = [];

    /// <summary>Architectures, by libseccomp's names ("amd64").</summary>
    public IReadOnlyList<string> Architectures { get; init; } = [];

    /// <summary>The kernel, at least.</summary>
    public Version? MinKernel { get; init; }
}

/// <summary>A condition on an argument of a system call.</summary>
internal readonly record struct SeccompArgument(uint Index, ulong Value, ulong ValueTwo, string Operator);

/// <summary>What happens to some system calls.</summary>
internal sealed record SeccompRule
{
    /// <summary>The system calls.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>SCMP_ACT_….</summary>
    public string Action { get; init; } = "SCMP_ACT_ALLOW";

    /// <summary>The error, where the action is one.</summary>
    public uint? ErrnoRet { get; init; }

    /// <summary>All must hold for the rule to count.</summary>
    public IReadOnlyList<SeccompArgument> Arguments { get; init; } = [];

    /// <summary>The rule is there only if all of this holds.</summary>
    public SeccompCondition? Includes { get; init; }

    /// <summary>The rule is not there if any of this holds.</summary>
    public SeccompCondition? Excludes { get; init; }
}

/// <summary>A profile in Docker's form: the runtime's, whose rules may depend on capabilities, architecture and kernel.</summary>
internal sealed record SeccompProfile
{
    private const string Architecture = "amd64";

    /// <summary>What happens to all that no rule is about.</summary>
    public required string DefaultAction { get; init; }

    /// <summary>The error, where the default action is one.</summary>
    public uint? DefaultErrnoRet { get; init; }

    /// <summary>SCMP_ARCH_….</summary>
    public IReadOnlyList<string> Architectures { get; init; } = [];

    /// <summary>SECCOMP_FILTER_FLAG_…; null where the profile does not say.</summary>
    public IReadOnlyList<string>? Flags { get; init; }

    /// <summary>Where a listener is to be sent; empty for nowhere.</summary>
    public string ListenerPath { get; init; } = "";

    /// <summary>What is sent with it.</summary>
    public string ListenerMetadata { get; init; } = "";

    /// <summary>The rules.</summary>
    public required IReadOnlyList<SeccompRule> Rules { get; init; }

    /// <summary>The profile as the runtime-spec has it (<c>linux.seccomp</c>), for a container with these capabilities.</summary>
    public JsonElement Resolve(IReadOnlyCollection<string> capabilities, Version kernel)
    {
        ArrayBufferWriter<byte> buffer = new(16 * 1024);
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            json.WriteString("defaultAction", DefaultAction);
            if (DefaultErrnoRet is { } errno)
                json.WriteNumber("defaultErrnoRet", errno);
            if (Architectures.Count > 0)
                Array(json, "architectures", Architectures);
            if (Flags is not null)
                Array(json, "flags", Flags);
            if (ListenerPath.Length > 0)
                json.WriteString("listenerPath", ListenerPath);
            if (ListenerMetadata.Length > 0)
                json.WriteString("listenerMetadata", ListenerMetadata);
            json.WriteStartArray("syscalls");
            foreach (SeccompRule rule in Rules)
            {
                if (Counts(rule, capabilities, kernel))
                    Write(json, rule);
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        using JsonDocument document = JsonDocument.Parse(buffer.WrittenMemory);
        return document.RootElement.Clone();
    }

    private static bool Counts(SeccompRule rule, IReadOnlyCollection<string> capabilities, Version kernel)
    {
        if (rule.Excludes is { } excludes && (excludes.Architectures.Contains(Architecture) || excludes.Capabilities.Any(capabilities.Contains)
            || (excludes.MinKernel is { } below && kernel >= below)))
            return false;
        return rule.Includes is not { } includes || ((includes.Architectures.Count == 0 || includes.Architectures.Contains(Architecture))
            && includes.Capabilities.All(capabilities.Contains) && (includes.MinKernel is not { } least || kernel >= least));
    }

    private static void Write(Utf8JsonWriter json, SeccompRule rule)
    {
        json.WriteStartObject();
        Array(json, "names", rule.Names);
        json.WriteString("action", rule.Action);
        if (rule.ErrnoRet is { } errno)
            json.WriteNumber("errnoRet", errno);
        if (rule.Arguments.Count > 0)
        {
            json.WriteStartArray("args");
            foreach (SeccompArgument argument in rule.Arguments)
            {
                json.WriteStartObject();
                json.WriteNumber("index", argument.Index);
                json.WriteNumber("value", argument.Value);
                if (argument.ValueTwo != 0)
                    json.WriteNumber("valueTwo", argument.ValueTwo);
                json.WriteString("op", argument.Operator);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static void Array(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
