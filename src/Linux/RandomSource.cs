namespace AotRuntime.Linux;

/// <summary>Ids and choices that nobody can foretell, from the kernel's random numbers.</summary>
public static class RandomSource
{
    /// <summary>As many random bytes as lower-case hex, two digits each.</summary>
    /// <exception cref="LinuxException">The kernel gives none.</exception>
    public static string Hex(int bytes)
    {
        byte[] random = new byte[bytes];
        Sys.GetRandom(random);
        return Convert.ToHexStringLower(random);
    }

    /// <summary>A number from 0 to <paramref name="limit"/> - 1, each as likely as the others.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive.</exception>
    /// <exception cref="LinuxException">The kernel gives none.</exception>
    public static int Below(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        // What lies behind the last whole multiple of the limit would make small numbers likelier, and is drawn again.
        uint end = uint.MaxValue - uint.MaxValue % (uint)limit;
        Span<byte> random = stackalloc byte[sizeof(uint)];
        uint drawn;
        do
        {
            Sys.GetRandom(random);
            drawn = BitConverter.ToUInt32(random);
        }
        while (drawn >= end);
        return (int)(drawn % (uint)limit);
    }
}
