using System.Text;
using AotRuntime.Images.Tar;

namespace AotRuntime.Tests.Unit.Images;

public class TarReaderTests
{
    /// <summary>A tar with one of everything, read in blocks of every size from one byte up, always tells the same.</summary>
    [Fact]
    public void Block_borders_do_not_matter()
    {
        byte[] tar = new TarBuilder()
            .Entry("plain", "hello")
            .Pax(("path", "päx/" + new string('n', 300)), ("size", "3"), ("mtime", "1700000000.123456789"), ("uid", "4000000000"), ("SCHILY.xattr.user.a", "1\0\n2"))
            .Entry("short", "abc", size: 3)
            .Entry("././@LongLink", new string('l', 200) + "\0", 'L', magic: "ustar  \0")
            .Entry("././@LongLink", new string('k', 200) + "\0", 'K', magic: "ustar  \0")
            .Entry("x", "", '2', "y", magic: "ustar  \0")
            .Entry("dir/", "", '5')
            .Entry("null", "", '3', major: 1, minor: 3)
            .Pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "sparse"), ("GNU.sparse.realsize", "10000"))
            .Entry("GNUSparseFile.0/sparse", "2\n0\n4\n9996\n4\n".PadRight(512, '\0') + "headtail")
            .End();
        string whole = Describe(tar, tar.Length);
        Assert.Contains("sparse 10000 [0:head][9996:tail]", whole);
        Assert.Contains("uid 4000000000", whole);
        Assert.Contains(new string('l', 200) + " 0  -> " + new string('k', 200), whole);
        for (int size = 1; size < 1100; size++)
            Assert.Equal(whole, Describe(tar, size));
    }

    [Fact]
    public void Agrees_with_the_other_sparse_forms()
    {
        byte[] old = new TarBuilder().Entry("old", "headtail", 'S', magic: "ustar  \0", edit: h =>
        {
            Encoding.ASCII.GetBytes("00000000000\000000000004\000000023414\000000000004\0").CopyTo(h, 386);
            Encoding.ASCII.GetBytes("00000023420\0").CopyTo(h, 483);
        }).End();
        Assert.Contains("old 10000 [0:head][9996:tail]", Describe(old, 512));
        byte[] zeroOne = new TarBuilder().Pax(("GNU.sparse.map", "0,4,9996,4"), ("GNU.sparse.size", "10000"), ("GNU.sparse.name", "s01")).Entry("x", "headtail").End();
        Assert.Contains("s01 10000 [0:head][9996:tail]", Describe(zeroOne, 512));
        byte[] zeroZero = new TarBuilder().Pax(
            ("GNU.sparse.size", "10000"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.offset", "0"), ("GNU.sparse.numbytes", "4"), ("GNU.sparse.offset", "9996"),
            ("GNU.sparse.numbytes", "4")).Entry("s00", "headtail").End();
        Assert.Contains("s00 10000 [0:head][9996:tail]", Describe(zeroZero, 512));
    }

    [Fact]
    public void Every_cut_is_noticed()
    {
        byte[] tar = new TarBuilder().Entry("a", new string('x', 700)).Pax(("path", "b")).Entry("short", "data").WithoutEnd();
        int headers = 0;
        for (int length = 0; length < tar.Length; length++)
        {
            byte[] cut = tar[..length];
            // Between entries a tar may end without its two empty blocks, as Go takes it; the layer's digests tell such a cut.
            if (length is 0 or 1536)
            {
                Describe(cut, 512);
                headers++;
                continue;
            }
            Assert.Equal("unexpected EOF", Assert.Throws<TarException>(() => Describe(cut, 512)).Message);
        }
        Assert.Equal(2, headers);
    }

    [Fact]
    public void A_claimed_size_allocates_nothing()
    {
        byte[] tar = new TarBuilder().Entry("huge", "", size: 8L << 30).End();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal("unexpected EOF", Assert.Throws<TarException>(() => Describe(tar, 512)).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    public static TheoryData<string> HostilePax => new()
    {
        "6 a=b", "99 a=b\n", "5 =x\n", "0 a=b\n", "-6 a=b\n", "x a=b\n", "11 path=a\0\n", "18446744073709551622 a=b\n",
    };

    [Theory]
    [MemberData(nameof(HostilePax))]
    public void Broken_pax_records_are_refused(string payload)
    {
        byte[] tar = new TarBuilder().Entry("pax", payload, 'x').Entry("f").End();
        Assert.Equal("archive/tar: invalid tar header", Assert.Throws<TarException>(() => Describe(tar, 512)).Message);
    }

    [Theory]
    [InlineData("size", "-1")]
    [InlineData("size", "99999999999999999999")]
    [InlineData("size", "1e3")]
    [InlineData("mtime", "x")]
    [InlineData("uid", "0x10")]
    [InlineData("GNU.sparse.map", "4,0,0,4")]
    [InlineData("GNU.sparse.map", "0,5,4,5")]
    [InlineData("GNU.sparse.map", "0,9223372036854775807,1,1")]
    [InlineData("GNU.sparse.map", "0")]
    public void Senseless_values_are_refused(string key, string value)
    {
        byte[] tar = new TarBuilder().Pax((key, value)).Entry("f", "data").End();
        Assert.Throws<TarException>(() => Describe(tar, 512));
    }

    [Fact]
    public void Limits_hold()
    {
        byte[] longName = new TarBuilder().Entry("././@LongLink", "", 'L', size: (1 << 20) + 1).End();
        Assert.Equal("archive/tar: header field too long", Assert.Throws<TarException>(() => Describe(longName, 512)).Message);
        TarBuilder many = new();
        for (int i = 0; i < 100; i++)
            many.Pax(("comment", "x"));
        Assert.Throws<TarException>(() => Describe(many.Entry("f").End(), 512));
        byte[] map = new TarBuilder().Pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")).Entry("f", "999999999\n0\n".PadRight(512, '\0')).End();
        Assert.Throws<TarException>(() => Describe(map, 512));
    }

    [Fact]
    public void Wrong_sums_and_garbage_are_refused()
    {
        byte[] tar = new TarBuilder().Entry("a").End();
        tar[0] ^= 1;
        Assert.Throws<TarException>(() => Describe(tar, 512));
        byte[] garbage = new byte[4096];
        new Random(1).NextBytes(garbage);
        Assert.Throws<TarException>(() => Describe(garbage, 512));
    }

    /// <summary>Whatever is flipped in a good tar: an answer or an error of the reader's own, never another exception.</summary>
    [Fact]
    public void Flipped_bytes_do_no_harm()
    {
        byte[] tar = new TarBuilder()
            .Pax(("path", "b"), ("GNU.sparse.map", "0,2,8,2"), ("GNU.sparse.size", "10")).Entry("a", "data")
            .Entry("old", "headtail", 'S', magic: "ustar  \0", edit: h => Encoding.ASCII.GetBytes("00000000000\000000000010\0").CopyTo(h, 386))
            .End();
        Random random = new(7);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bad = (byte[])tar.Clone();
            for (int flips = random.Next(1, 4); flips > 0; flips--)
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            FixSums(bad);
            try
            {
                Describe(bad, 512);
            }
            catch (TarException)
            {
                // The reader's own error: what is asked for.
            }
        }
    }

    private static void FixSums(byte[] tar)
    {
        for (int at = 0; at + 512 <= tar.Length; at += 512)
        {
            Span<byte> header = tar.AsSpan(at, 512);
            if (!header.Slice(257, 5).SequenceEqual("ustar"u8))
                continue;
            header.Slice(148, 8).Fill((byte)' ');
            int sum = 0;
            foreach (byte b in header)
                sum += b;
            Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(header[148..]);
        }
    }

    private static string Describe(byte[] tar, int blockSize)
    {
        int at = 0;
        TarReader reader = new(() =>
        {
            int length = Math.Min(blockSize, tar.Length - at);
            at += length;
            return tar.AsMemory(at - length, length);
        });
        StringBuilder text = new();
        while (reader.Next())
        {
            TarEntry e = reader.Entry;
            text.Append($"{(char)e.Type} {TarPath.Display(e.Name)} {e.Size} ");
            long end = -1;
            while (reader.ReadData(out long offset, out ReadOnlySpan<byte> data))
            {
                if (offset != end)
                    text.Append(end < 0 ? "[" : "][").Append(offset).Append(':');
                text.Append(Encoding.UTF8.GetString(data));
                end = offset + data.Length;
            }
            text.Append(end < 0 ? "" : "]").Append($" -> {TarPath.Display(e.LinkName)} mode {e.Mode} uid {e.Uid} time {e.ModificationTime} dev {e.DeviceMajor}:{e.DeviceMinor}");
            foreach ((byte[] name, byte[] value) in e.Xattrs)
                text.Append($" {Encoding.UTF8.GetString(name)}={Convert.ToHexString(value)}");
            text.Append('\n');
        }
        return text.ToString();
    }
}
