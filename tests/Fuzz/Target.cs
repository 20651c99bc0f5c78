using System.Text;

namespace AotRuntime.Tests.Fuzz;

/// <summary>Something that takes bytes from strangers.</summary>
internal abstract class Target
{
    /// <summary>How the command line calls it.</summary>
    public abstract string Name { get; }

    /// <summary>Good inputs to begin with.</summary>
    public abstract IEnumerable<byte[]> Seeds { get; }

    /// <summary>Words that mean something to it; the mutator puts them in.</summary>
    public virtual IReadOnlyList<string> Words => [];

    /// <summary>Runs one input. It throws where something is wrong: errors that the input earns are caught here.</summary>
    /// <param name="input">The input.</param>
    /// <param name="random">For choices beside the input, as where it is split.</param>
    public abstract Task RunAsync(byte[] input, Random random);

    /// <summary>Makes an input of another one; the usual way changes bytes.</summary>
    public virtual byte[] Mutate(Mutator mutator, byte[] seed) => mutator.Bytes(seed, Words);

    protected static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    protected static byte[] Latin1(string text) => Encoding.Latin1.GetBytes(text);

    /// <summary>Holds that two ways to read an input give the same.</summary>
    protected static void Same(string expected, string actual, string what)
    {
        if (expected != actual)
            throw new FuzzException($"{what}: not the same\n--- {expected}\n--- {actual}");
    }
}

/// <summary>A promise that an input broke.</summary>
internal sealed class FuzzException(string message) : Exception(message);
