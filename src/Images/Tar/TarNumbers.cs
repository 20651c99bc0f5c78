using AotRuntime.Linux;

namespace AotRuntime.Images.Tar;

/// <summary>Numbers as tars write them.</summary>
internal static class TarNumbers
{
    /// <summary>
    /// A header's numeric field: octal digits between blanks and NULs, or GNU's base-256 where the first byte's top bit is set (its next bit
    /// is the sign).
    /// </summary>
    public static long Field(ReadOnlySpan<byte> field)
    {
        if (field.Length > 0 && (field[0] & 0x80) != 0)
            return Base256(field);
        return Octal(field);
    }

    private static long Base256(ReadOnlySpan<byte> field)
    {
        bool negative = (field[0] & 0x40) != 0;
        // Two's complement: inverted where negative, so that leading bytes are zero either way.
        byte invert = negative ? (byte)0xff : (byte)0;
        ulong value = 0;
        for (int i = 0; i < field.Length; i++)
        {
            byte b = (byte)(field[i] ^ invert);
            if (i == 0)
                b &= 0x7f;
            if (value >> 56 != 0)
                throw TarException.InvalidHeader();
            value = (value << 8) | b;
        }
        if (value >> 63 != 0)
            throw TarException.InvalidHeader();
        return negative ? ~(long)value : (long)value;
    }

    public static long Octal(ReadOnlySpan<byte> field)
    {
        field = field.Trim(" \0"u8);
        ulong value = 0;
        foreach (byte b in field)
        {
            if (b == 0)
                break;
            if (b is < (byte)'0' or > (byte)'7' || value >> 60 != 0)
                throw TarException.InvalidHeader();
            value = (value << 3) | (uint)(b - '0');
        }
        return (long)value;
    }

    /// <summary>A decimal number, as pax records hold it.</summary>
    public static long Decimal(ReadOnlySpan<byte> text)
    {
        bool negative = text.Length > 0 && text[0] == '-';
        if (negative)
            text = text[1..];
        if (text.Length is 0 or > 19)
            throw TarException.InvalidHeader();
        ulong value = 0;
        foreach (byte b in text)
        {
            if (b is < (byte)'0' or > (byte)'9')
                throw TarException.InvalidHeader();
            value = (value * 10) + (uint)(b - '0');
        }
        if (value > long.MaxValue)
            throw TarException.InvalidHeader();
        return negative ? -(long)value : (long)value;
    }

    /// <summary>A pax time: seconds with a fraction, of which nine digits count.</summary>
    public static TimeSpec Time(ReadOnlySpan<byte> text)
    {
        int dot = text.IndexOf((byte)'.');
        long seconds = Decimal(dot < 0 ? text : text[..dot]);
        if (dot < 0)
            return new TimeSpec(seconds, 0);
        ReadOnlySpan<byte> fraction = text[(dot + 1)..];
        long nanoseconds = 0;
        for (int i = 0; i < 9; i++)
        {
            int digit = i < fraction.Length ? fraction[i] - '0' : 0;
            if (digit is < 0 or > 9)
                throw TarException.InvalidHeader();
            nanoseconds = (nanoseconds * 10) + digit;
        }
        if (fraction.Length > 9 && fraction[9..].ContainsAnyExceptInRange((byte)'0', (byte)'9'))
            throw TarException.InvalidHeader();
        if (text[0] != '-' || nanoseconds == 0)
            return new TimeSpec(seconds, nanoseconds);
        // -1.25 is a quarter before -1: timespec counts its nanoseconds upwards.
        return new TimeSpec(seconds - 1, 1_000_000_000 - nanoseconds);
    }
}
