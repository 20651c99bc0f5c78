using System.Buffers.Binary;
using System.Net;
using AotRuntime.Linux.Netlink;

namespace AotRuntime.Tests.Unit.Linux;

/// <summary>Messages byte by byte, as the kernel's headers lay them out; and attributes that do not keep to it.</summary>
public sealed class NetlinkTests
{
    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    private static string Packed(string spaced) => string.Concat(spaced.Where(char.IsAsciiHexDigit));

    private static byte[] Written(NfTablesBatch batch, uint sequence = 7)
    {
        NetlinkWriter writer = new();
        batch.Write(writer, sequence);
        return writer.Written.ToArray();
    }

    // A batch without its first and last message.
    private static string Inner(NfTablesBatch batch) => Hex(Written(batch).AsSpan()[20..^20]);

    [Fact]
    public void A_batch_stands_between_begin_and_end()
    {
        NfTablesBatch batch = new("t");
        batch.AddTable();
        Assert.Equal(
            Packed("""
                14000000 1000 0100 07000000 00000000  00 00 000a
                1c000000 000a 0504 08000000 00000000  02 00 0000  0600 0100 7400 0000
                14000000 1100 0100 09000000 00000000  00 00 000a
                """),
            Hex(Written(batch)));
    }

    [Fact]
    public void A_rule_is_a_list_of_expressions()
    {
        NfTablesBatch batch = new("t");
        batch.AddRule("c", new NfRule().InInterface("br0").Drop());
        Assert.Equal(
            Packed("""
                b4000000 060a 050c 08000000 00000000  02 00 0000
                0600 0100 7400 0000  0600 0200 6300 0000
                9000 0480
                  2400 0180  0900 0100 6d65746100 000000
                    1400 0280  0800 0100 00000008  0800 0200 00000006
                  3800 0180  0800 0100 636d7000
                    2c00 0280  0800 0100 00000008  0800 0200 00000000
                      1800 0380  1400 0100 62723000 00000000 00000000 00000000
                  3000 0180  0e00 0100 696d6d65646961746500 0000
                    1c00 0280  0800 0100 00000000
                      1000 0280  0c00 0280  0800 0100 00000000
                """),
            Inner(batch));
    }

    [Fact]
    public void An_element_has_key_and_data()
    {
        NfTablesBatch batch = new("t");
        batch.AddElement("m", [1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15, 16]);
        Assert.Equal(
            Packed("""
                4c000000 0c0a 0506 08000000 00000000  02 00 0000
                0600 0100 7400 0000  0600 0200 6d00 0000
                2800 0380  2400 0180
                  1000 0180  0c00 0100 0102030405060708
                  1000 0280  0c00 0100 090a0b0c0d0e0f10
                """),
            Inner(batch));
    }

    [Fact]
    public void A_subnet_is_masked_and_compared()
    {
        NfTablesBatch batch = new("t");
        batch.AddRule("c", new NfRule().Source(IPNetwork.Parse("172.17.0.0/16")));
        string hex = Inner(batch);
        // payload: register 8, network header, offset 12, four bytes; bitwise: the mask; cmp: the network
        Assert.Contains("0800010000000008" + "0800020000000001" + "080003000000000c" + "0800040000000004", hex);
        Assert.Contains("08000100ffff0000", hex);
        Assert.EndsWith("08000100ac110000", hex);
    }

    [Fact]
    public void A_chain_has_a_hook_and_a_signed_priority()
    {
        NfTablesBatch batch = new("t");
        batch.AddChain("raw", "filter", NetfilterHook.Prerouting, -300);
        Assert.Contains("14000480" + "0800010000000000" + "08000200fffffed4", Inner(batch));
    }

    [Fact]
    public void The_writer_grows_and_pads()
    {
        NetlinkWriter writer = new();
        writer.Begin(1, 2, 3);
        for (int i = 0; i < 1000; i++)
            writer.Attribute(5, [1, 2, 3]);
        writer.End();
        Assert.Equal(16 + 8000, writer.Written.Length);
        Assert.Equal(16 + 8000, BinaryPrimitives.ReadInt32LittleEndian(writer.Written));
        int count = 0;
        for (NetlinkAttributes a = new(writer.Written[16..]); a.Next(); count++)
            Assert.Equal((5, "010203"), (a.Type, Hex(a.Value)));
        Assert.Equal(1000, count);
    }

    [Fact]
    public void Attributes_without_room_end_the_walk()
    {
        Assert.Equal([], Walk("0300 0100 00000000")); // shorter than its own header
        Assert.Equal([], Walk("0000 0100"));
        Assert.Equal([], Walk("0900 0100 00000000")); // longer than what is there
        Assert.Equal([], Walk("0400 01"));
        Assert.Equal([], Walk("ffff ffff"));
        Assert.Equal(["1:"], Walk("0400 0100"));
        Assert.Equal(["1:aa"], Walk("0500 0100 aa")); // the last one's padding may be missing
        Assert.Equal(["1:aa", "2:"], Walk("0500 0100 aa000000 0400 0280")); // flag bits are no part of the type
        Assert.Equal(["1:aa"], Walk("0500 0100 aa000000 0500 0200"));
    }

    [Fact]
    public void Any_bytes_can_be_walked()
    {
        Random random = new(20);
        byte[] data = new byte[64];
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(data);
            // Mostly lengths that fit, so that the walk goes on.
            for (int at = 0; at < 64; at += 4)
                (data[at], data[at + 1]) = ((byte)random.Next(20), 0);
            int total = 0;
            for (NetlinkAttributes a = new(data.AsSpan(0, random.Next(65))); a.Next();)
                total += 4 + a.Value.Length + (int)(a.U32 & 0) + (a.Text.Length & 0);
            Assert.InRange(total, 0, 64);
        }
    }

    private static List<string> Walk(string hex)
    {
        List<string> found = [];
        for (NetlinkAttributes a = new(Convert.FromHexString(Packed(hex))); a.Next();)
            found.Add($"{a.Type}:{Hex(a.Value)}");
        return found;
    }
}
