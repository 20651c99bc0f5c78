using System.Globalization;
using AotRuntime.Rpc;
using AotRuntime.Rpc.Containerd.Content;
using Google.Protobuf.WellKnownTypes;

namespace AotRuntime.Containerd.Ctr;

/// <summary><c>content</c>, and reading blobs for the others.</summary>
internal static class CtrContent
{
    /// <summary>The most that is read of a blob that should be a small JSON document.</summary>
    private const long MaxDocument = 8 << 20;

    public static async Task<int> RunAsync(CtrClient client, string command, List<string> rest)
    {
        if (command == "get" && rest.Count == 1)
        {
            using Stream stdout = Console.OpenStandardOutput();
            await foreach (ReadContentResponse part in client.StreamAsync(ContentMethods.Read, new ReadContentRequest { Digest = rest[0] }).ConfigureAwait(false))
                stdout.Write(part.Data.Span);
            return 0;
        }
        if (command == "remove")
        {
            foreach (string digest in rest)
            {
                await client.CallAsync(ContentMethods.Delete, new DeleteContentRequest { Digest = digest }).ConfigureAwait(false);
                Console.Out.WriteLine(digest);
            }
            return 0;
        }
        if (command != "list")
            throw CtrRole.Unknown(command);
        CtrArguments args = CtrArguments.Parse(rest, "quiet,q");
        var table = new CtrTable(1, 0, "DIGEST", "SIZE", "AGE", "LABELS");
        await foreach (ListContentResponse list in client.StreamAsync(ContentMethods.List, new ListContentRequest()).ConfigureAwait(false))
        {
            foreach (Info info in list.Info)
            {
                if (args.Has("quiet"))
                    Console.Out.WriteLine(info.Digest);
                else
                    table.Add(info.Digest, Size(info.Size), Age(info.CreatedAt), CtrRole.Labels(info.Labels, "-"));
            }
        }
        if (!args.Has("quiet"))
            Console.Out.Write(table.FormatWithTabs());
        return 0;
    }

    /// <summary>A whole blob.</summary>
    /// <exception cref="CtrException">It is larger than a document may be.</exception>
    public static async Task<byte[]> ReadAsync(CtrClient client, string digest)
    {
        using var bytes = new MemoryStream();
        await foreach (ReadContentResponse part in client.StreamAsync(ContentMethods.Read, new ReadContentRequest { Digest = digest }).ConfigureAwait(false))
        {
            bytes.Write(part.Data.Span);
            if (bytes.Length > MaxDocument)
                throw new CtrException($"content {digest} is too large for a document");
        }
        return bytes.ToArray();
    }

    /// <summary>Bytes in powers of 1000, as go-units prints them in lists.</summary>
    public static string Size(double bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB", "PB"];
        int unit = 0;
        while (bytes >= 1000 && unit < units.Length - 1)
        {
            bytes /= 1000;
            unit++;
        }
        return bytes.ToString("G4", CultureInfo.InvariantCulture) + units[unit];
    }

    /// <summary>Bytes in powers of 1024, as <c>images list</c> shows them.</summary>
    public static string BinarySize(double bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        int unit = 0;
        while (bytes >= 1024 && unit < units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }
        return bytes.ToString("F1", CultureInfo.InvariantCulture) + " " + units[unit];
    }

    private static string Age(Timestamp? created)
    {
        if (created is null)
            return "-";
        TimeSpan age = DateTimeOffset.UtcNow - created.ToDateTimeOffset();
        return age.TotalSeconds < 1 ? "Less than a second"
            : age.TotalSeconds < 60 ? Count((int)age.TotalSeconds, "second")
            : age.TotalMinutes < 2 ? "About a minute"
            : age.TotalMinutes < 60 ? Count((int)age.TotalMinutes, "minute")
            : age.TotalHours < 2 ? "About an hour"
            : age.TotalHours < 48 ? Count((int)age.TotalHours, "hour")
            : Count((int)age.TotalDays, "day");

        static string Count(int number, string unit) => number == 1 ? $"1 {unit}" : $"{number} {unit}s";
    }
}
