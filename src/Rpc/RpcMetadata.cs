using AotRuntime.Http;

namespace AotRuntime.Rpc;

/// <summary>Metadata whose names end in <c>-bin</c>: octets, in base64 (gRPC over HTTP/2, "Custom-Metadata").</summary>
public static class RpcMetadata
{
    /// <summary>Adds octets under <paramref name="name"/>, which ends in <c>-bin</c>.</summary>
    public static void AddBinary(this HttpHeaders metadata, string name, ReadOnlySpan<byte> value)
    {
        if (!name.EndsWith("-bin", StringComparison.OrdinalIgnoreCase))
            throw new ArgumentException($"metadata of octets ends in -bin: {name}", nameof(name));
        // "Implementations MUST accept padded and un-padded values and should emit un-padded values."
        metadata.Add(name, Convert.ToBase64String(value).TrimEnd('='));
    }

    /// <summary>All values of <paramref name="name"/>; what is no base64 is left out.</summary>
    public static IEnumerable<byte[]> GetBinary(this HttpHeaders metadata, string name)
    {
        foreach ((string key, string value) in metadata)
        {
            if (!key.Equals(name, StringComparison.OrdinalIgnoreCase))
                continue;
            // Commas may join several: none is a letter of base64.
            foreach (string one in value.Split(',', StringSplitOptions.TrimEntries))
            {
                byte[] octets = new byte[(one.Length * 3 / 4) + 3];
                string padded = one.PadRight((one.Length + 3) / 4 * 4, '=');
                if (Convert.TryFromBase64String(padded, octets, out int length))
                    yield return octets[..length];
            }
        }
    }
}
