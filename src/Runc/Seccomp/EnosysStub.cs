using System.Buffers.Binary;
using AotRuntime.Linux;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Seccomp;

/// <summary>
/// Instructions that go before a filter, so that a system call newer than any that the profile names gives ENOSYS.
/// A program that tries a new call and falls back to an old one must not be told EPERM, which it takes for an answer.
/// Profiles can't say that themselves: they don't know what comes after them.
/// </summary>
internal static class EnosysStub
{
    private const ushort LoadWord = 0x20;          // BPF_LD | BPF_W | BPF_ABS
    private const ushort JumpAlways = 0x05;        // BPF_JMP | BPF_JA
    private const ushort JumpEqual = 0x15;         // BPF_JMP | BPF_JEQ | BPF_K
    private const ushort JumpGreater = 0x25;       // BPF_JMP | BPF_JGT | BPF_K
    private const ushort JumpBits = 0x45;          // BPF_JMP | BPF_JSET | BPF_K
    private const ushort Return = 0x06;            // BPF_RET | BPF_K
    private const uint NumberOffset = 0, ArchitectureOffset = 4; // struct seccomp_data
    private const uint X32Bit = 0x40000000;
    private const uint ENOSYS = 38;

    private readonly record struct Instruction(ushort Code, byte IfTrue, byte IfFalse, uint Value);

    /// <summary>Puts the stub before <paramref name="filter"/> where the profile needs it.</summary>
    public static byte[] Prepend(byte[] filter, SeccompSpec spec, uint defaultAction, List<uint> architectures)
    {
        // A tracer is trusted to know new calls by itself.
        uint kind = defaultAction & 0xffff0000;
        bool permits = kind is SeccompNames.Allow or SeccompNames.Log or SeccompNames.Trace;
        if (permits || defaultAction == (SeccompNames.Errno | ENOSYS))
            return filter;
        List<Instruction> stub = Build(spec, architectures);
        byte[] whole = new byte[stub.Count * SeccompProgram.InstructionSize + filter.Length];
        Span<byte> at = whole;
        foreach (Instruction i in stub)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(at, i.Code);
            at[2] = i.IfTrue;
            at[3] = i.IfFalse;
            BinaryPrimitives.WriteUInt32LittleEndian(at[4..], i.Value);
            at = at[SeccompProgram.InstructionSize..];
        }
        filter.CopyTo(at);
        return whole;
    }

    private static List<Instruction> Build(SeccompSpec spec, List<uint> architectures)
    {
        var stub = new List<Instruction>();
        uint? x32 = architectures.Contains(SeccompNames.X32) ? Newest(spec, SeccompNames.X32) : null;
        foreach (uint architecture in architectures)
        {
            // The kernel calls x32 x86-64 too, and marks its calls by a bit.
            if (architecture == SeccompNames.X32 || Newest(spec, architecture) is not { } newest)
                continue;
            if (stub.Count == 0)
                stub.Add(new Instruction(LoadWord, 0, 0, ArchitectureOffset));
            List<Instruction> section = [new(LoadWord, 0, 0, NumberOffset)];
            if (architecture == SeccompNames.X86_64)
            {
                section.Add(new Instruction(JumpBits, (byte)(x32 is null ? 2 : 3), 0, X32Bit));
                section.Add(new Instruction(JumpGreater, 0, 1, newest));
                section.Add(new Instruction(Return, 0, 0, SeccompNames.Errno | ENOSYS));
                if (x32 is { } newestX32)
                {
                    section.Add(new Instruction(JumpAlways, 0, 0, 2));
                    section.Add(new Instruction(JumpGreater, 0, 1, newestX32));
                    section.Add(new Instruction(Return, 0, 0, SeccompNames.Errno | ENOSYS));
                }
            }
            else
            {
                section.Add(new Instruction(JumpGreater, 0, 1, newest));
                section.Add(new Instruction(Return, 0, 0, SeccompNames.Errno | ENOSYS));
            }
            // The next section would take the number for an architecture: load that again.
            section.Add(new Instruction(LoadWord, 0, 0, ArchitectureOffset));
            stub.Add(new Instruction(JumpEqual, 0, (byte)section.Count, architecture));
            stub.AddRange(section);
        }
        return stub;
    }

    /// <summary>The highest number that any rule names; null where none is of this architecture.</summary>
    private static uint? Newest(SeccompSpec spec, uint architecture)
    {
        int newest = 0;
        foreach (SeccompSyscallSpec call in spec.Syscalls ?? [])
        {
            foreach (string name in call.Names ?? [])
                newest = Math.Max(newest, SeccompFilter.Resolve(architecture, name) ?? 0);
        }
        return newest > 0 ? (uint)newest : null;
    }
}
