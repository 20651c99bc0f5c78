using System.Globalization;
using System.Text;
using AotRuntime.Http;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Rpc.Grpc;

/// <summary>How gRPC writes things into header fields.</summary>
internal static class GrpcText
{
    private static readonly string[] s_statusNumbers = [.. Enumerable.Range(0, 17).Select(static n => n.ToString(CultureInfo.InvariantCulture))];

    /// <summary>Where a google.rpc.Status travels.</summary>
    public const string DetailsName = "grpc-status-details-bin";

    /// <summary>The status with all its details.</summary>
    public static byte[] EncodeDetails(RpcException e) =>
        new Wire.Status { Code = (int)e.Status, Message = e.Message, Details = { e.Details } }.ToByteArray();

    /// <summary>The reverse; nothing where there are none or they cannot be read.</summary>
    public static IReadOnlyList<Any> DecodeDetails(HttpHeaders fields)
    {
        try
        {
            return fields.GetBinary(DetailsName).FirstOrDefault() is { } octets ? Wire.Status.Parser.ParseFrom(octets).Details : [];
        }
        catch (InvalidProtocolBufferException)
        {
            return [];
        }
    }

    /// <summary><c>grpc-status</c>.</summary>
    public static string Status(RpcStatus status) =>
        (uint)status < (uint)s_statusNumbers.Length ? s_statusNumbers[(int)status] : ((int)status).ToString(CultureInfo.InvariantCulture);

    /// <summary><c>grpc-message</c>: UTF-8, percent-encoded but for printable ASCII.</summary>
    public static string EncodeMessage(string message)
    {
        if (!message.AsSpan().ContainsAnyExceptInRange(' ', '~') && !message.Contains('%'))
            return message;
        var encoded = new StringBuilder(message.Length + 16);
        foreach (byte b in Encoding.UTF8.GetBytes(message))
        {
            if (b is >= (byte)' ' and <= (byte)'~' and not (byte)'%')
                encoded.Append((char)b);
            else
                encoded.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }
        return encoded.ToString();
    }

    /// <summary>The reverse; what is not well encoded stays as it is.</summary>
    public static string DecodeMessage(string encoded)
    {
        if (!encoded.Contains('%'))
            return encoded;
        byte[] octets = new byte[encoded.Length];
        int n = 0;
        for (int i = 0; i < encoded.Length; i++)
        {
            if (encoded[i] == '%' && i + 2 < encoded.Length
                && byte.TryParse(encoded.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b))
            {
                octets[n++] = b;
                i += 2;
            }
            else
            {
                octets[n++] = (byte)encoded[i];
            }
        }
        return Encoding.UTF8.GetString(octets, 0, n);
    }

    /// <summary><c>grpc-timeout</c>: at most eight digits and a unit.</summary>
    public static string EncodeTimeout(TimeSpan timeout)
    {
        const long MaxDigits = 99_999_999;
        long micros = Math.Max(1, timeout.Ticks / TimeSpan.TicksPerMicrosecond);
        string text = micros <= MaxDigits ? $"{micros}u"
            : micros / 1000 <= MaxDigits ? $"{micros / 1000}m"
            : $"{Math.Min(micros / 1_000_000, MaxDigits)}S";
        return text;
    }

    /// <summary>The reverse; false where it is malformed.</summary>
    public static bool TryDecodeTimeout(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > 9 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            return false;
        double? ticks = text[^1] switch
        {
            'H' => value * (double)TimeSpan.TicksPerHour,
            'M' => value * (double)TimeSpan.TicksPerMinute,
            'S' => value * (double)TimeSpan.TicksPerSecond,
            'm' => value * (double)TimeSpan.TicksPerMillisecond,
            'u' => value * (double)TimeSpan.TicksPerMicrosecond,
            'n' => value / 100d,
            _ => null,
        };
        if (ticks is not { } t)
            return false;
        // A timer cannot wait for longer; nobody waits for that long.
        timeout = TimeSpan.FromTicks((long)Math.Min(t, int.MaxValue * (double)TimeSpan.TicksPerMillisecond));
        return true;
    }
}
