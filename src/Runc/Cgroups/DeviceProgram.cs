using System.Buffers.Binary;

namespace AotRuntime.Runc.Cgroups;

/// <summary>
/// Device rules as a BPF program (kernel: Documentation/admin-guide/cgroup-v2.rst, "Device controller"). It reads
/// struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; } and answers 1 (allowed) or 0.
/// </summary>
internal static class DeviceProgram
{
    // Opcodes: linux/bpf.h, linux/bpf_common.h.
    private const byte LoadWord = 0x61;      // BPF_LDX | BPF_MEM | BPF_W
    private const byte And32 = 0x54;         // BPF_ALU | BPF_AND | BPF_K
    private const byte ShiftRight32 = 0x74;  // BPF_ALU | BPF_RSH | BPF_K
    private const byte Move32 = 0xbc;        // BPF_ALU | BPF_MOV | BPF_X
    private const byte MoveValue = 0xb7;     // BPF_ALU64 | BPF_MOV | BPF_K
    private const byte JumpIfNot = 0x55;     // BPF_JMP | BPF_JNE | BPF_K
    private const byte JumpIf = 0x15;        // BPF_JMP | BPF_JEQ | BPF_K
    private const byte JumpIfNotReg = 0x5d;  // BPF_JMP | BPF_JNE | BPF_X
    private const byte Return = 0x95;        // BPF_JMP | BPF_EXIT

    /// <summary>The instructions; the last rule that matches decides, and none means no.</summary>
    public static byte[] Build(List<DeviceRules.Rule> rules)
    {
        var code = new List<ulong>
        {
            Instruction(LoadWord, 2, 1, 0, 0), Instruction(And32, 2, 0, 0, 0xffff),   // r2: type
            Instruction(LoadWord, 3, 1, 0, 0), Instruction(ShiftRight32, 3, 0, 0, 16), // r3: access
            Instruction(LoadWord, 4, 1, 4, 0),                                         // r4: major
            Instruction(LoadWord, 5, 1, 8, 0),                                         // r5: minor
        };
        bool decided = false;
        for (int i = rules.Count - 1; i >= 0 && !decided; i--)
        {
            DeviceRules.Rule rule = rules[i];
            var body = new List<(byte Op, byte Dst, byte Src, int Value, bool Jumps)>();
            if (rule.Type != 'a')
                body.Add((JumpIfNot, 2, 0, rule.Type == 'b' ? 1 : 2, true));
            int access = (rule.Access.Contains('m') ? 1 : 0) | (rule.Access.Contains('r') ? 2 : 0) | (rule.Access.Contains('w') ? 4 : 0);
            if (access != 7)
            {
                // Allowed if all that is asked for is; denied if anything of it is.
                body.Add((Move32, 1, 3, 0, false));
                body.Add((And32, 1, 0, access, false));
                body.Add(rule.Allow ? (JumpIfNotReg, (byte)1, (byte)3, 0, true) : (JumpIf, (byte)1, (byte)0, 0, true));
            }
            if (rule.Major >= 0)
                body.Add((JumpIfNot, 4, 0, (int)rule.Major, true));
            if (rule.Minor >= 0)
                body.Add((JumpIfNot, 5, 0, (int)rule.Minor, true));
            for (int at = 0; at < body.Count; at++)
            {
                (byte op, byte dst, byte src, int value, bool jumps) = body[at];
                // Past the rest of this rule and its answer.
                code.Add(Instruction(op, dst, src, jumps ? (short)(body.Count - at - 1 + 2) : (short)0, value));
            }
            code.Add(Instruction(MoveValue, 0, 0, 0, rule.Allow ? 1 : 0));
            code.Add(Instruction(Return, 0, 0, 0, 0));
            // The verifier takes no instruction that can't be reached ("unreachable insn").
            decided = body.Count == 0;
        }
        if (!decided)
        {
            code.Add(Instruction(MoveValue, 0, 0, 0, 0));
            code.Add(Instruction(Return, 0, 0, 0, 0));
        }

        byte[] bytes = new byte[code.Count * 8];
        for (int i = 0; i < code.Count; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * 8), code[i]);
        return bytes;
    }

    // struct bpf_insn: code, dst:4 src:4, s16 off, s32 imm.
    private static ulong Instruction(byte op, byte dst, byte src, short offset, int value) =>
        op | (ulong)(byte)(dst | src << 4) << 8 | (ulong)(ushort)offset << 16 | (ulong)(uint)value << 32;
}
