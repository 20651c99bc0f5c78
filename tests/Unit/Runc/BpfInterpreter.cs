using System.Buffers.Binary;

namespace AotRuntime.Tests.Unit.Runc;

/// <summary>Runs a filter as the kernel would (linux/filter.h; what libseccomp emits of it).</summary>
internal static class BpfInterpreter
{
    public const uint X86_64 = 0xc000003e, X86 = 0x40000003;

    /// <summary>What the program says to a call: SECCOMP_RET_… with its data.</summary>
    public static uint Run(byte[] program, uint architecture, uint number, params ulong[] arguments)
    {
        // struct seccomp_data: nr, arch, instruction pointer, six arguments.
        byte[] data = new byte[64];
        BinaryPrimitives.WriteUInt32LittleEndian(data, number);
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(4), architecture);
        for (int i = 0; i < arguments.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(16 + 8 * i), arguments[i]);
        uint a = 0;
        uint[] scratch = new uint[16];
        for (int pc = 0; ; pc++)
        {
            ReadOnlySpan<byte> at = program.AsSpan(pc * 8, 8);
            uint k = BinaryPrimitives.ReadUInt32LittleEndian(at[4..]);
            byte jt = at[2], jf = at[3];
            switch (BinaryPrimitives.ReadUInt16LittleEndian(at))
            {
                case 0x20: a = BinaryPrimitives.ReadUInt32LittleEndian(data.AsSpan((int)k)); break;
                case 0x02: scratch[k] = a; break;
                case 0x60: a = scratch[k]; break;
                case 0x54: a &= k; break;
                case 0x05: pc += (int)k; break;
                case 0x15: pc += a == k ? jt : jf; break;
                case 0x25: pc += a > k ? jt : jf; break;
                case 0x35: pc += a >= k ? jt : jf; break;
                case 0x45: pc += (a & k) != 0 ? jt : jf; break;
                case 0x06: return k;
                default: throw new InvalidDataException($"instruction {pc}: code {BinaryPrimitives.ReadUInt16LittleEndian(at):x}");
            }
        }
    }
}
