using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AotRuntime.Digests;

/// <summary>
/// <c>union aot_sha2_state</c> of <c>native/digest/sha2.h</c>: what the library keeps of a hash under way. It holds no pointers, and so may be
/// moved and copied.
/// </summary>
[InlineArray(27)]
internal struct Sha2State
{
    private ulong _word;
}

// Ordinary calls, which leave the GC free to run: a gibibyte takes half a second.
internal static unsafe partial class Sha2Native
{
    [LibraryImport("aotdigest")]
    private static partial void aot_sha2_begin(Sha2State* state, Sha2Algorithm algorithm);

    [LibraryImport("aotdigest")]
    private static partial void aot_sha2_add(Sha2State* state, Sha2Algorithm algorithm, byte* data, nuint size);

    [LibraryImport("aotdigest")]
    private static partial void aot_sha2_hash(Sha2State* state, Sha2Algorithm algorithm, byte* hash);

    public static void Begin(ref Sha2State state, Sha2Algorithm algorithm)
    {
        // SAFETY: pinned for the call; the C side asserts that its own state is no larger.
        fixed (Sha2State* s = &state)
            aot_sha2_begin(s, algorithm);
    }

    public static void Add(ref Sha2State state, Sha2Algorithm algorithm, ReadOnlySpan<byte> data)
    {
        // SAFETY: both are pinned for the call, and the data's length is passed; no data is NULL and 0, of which nothing is read.
        fixed (Sha2State* s = &state)
        fixed (byte* d = data)
            aot_sha2_add(s, algorithm, d, (nuint)data.Length);
    }

    /// <summary>The hash of what was added so far, into <paramref name="hash"/>, which must have room for it.</summary>
    public static void Hash(ref Sha2State state, Sha2Algorithm algorithm, Span<byte> hash)
    {
        hash = hash[..algorithm.HashSize()];
        // SAFETY: both are pinned for the call; the slice above has found the room for all that is written.
        fixed (Sha2State* s = &state)
        fixed (byte* h = hash)
            aot_sha2_hash(s, algorithm, h);
    }
}
