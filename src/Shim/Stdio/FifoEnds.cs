using AotRuntime.Linux;
using Microsoft.Win32.SafeHandles;

namespace AotRuntime.Shim.Stdio;

/// <summary>Opens FIFOs so that neither side waits for the other.</summary>
internal static class FifoEnds
{
    /// <summary>
    /// The end that is written to, and a reading end that is kept with it: while that is open a writer gets no EPIPE when the
    /// client goes away, and what was written stays for the next client.
    /// </summary>
    public static (SafeFileHandle Write, SafeFileHandle Keep) OpenOutput(string path)
    {
        // A reader never waits when it opens without blocking; and with a reader there, a writer doesn't either.
        SafeFileHandle keep = Sys.Open(path, OpenFlags.ReadOnly | OpenFlags.NonBlock);
        try
        {
            return (Sys.Open(path, OpenFlags.WriteOnly | OpenFlags.NonBlock), keep);
        }
        catch (LinuxException)
        {
            keep.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The end that is read, and a writing end that is kept with it: while that is open there is no end of file when one client
    /// leaves; closing it (CloseIO) lets the end come through.
    /// </summary>
    public static (SafeFileHandle Read, SafeFileHandle Keep) OpenInput(string path)
    {
        SafeFileHandle read = Sys.Open(path, OpenFlags.ReadOnly | OpenFlags.NonBlock);
        try
        {
            return (read, Sys.Open(path, OpenFlags.WriteOnly | OpenFlags.NonBlock));
        }
        catch (LinuxException)
        {
            read.Dispose();
            throw;
        }
    }
}
