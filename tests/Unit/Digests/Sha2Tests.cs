using System.Security.Cryptography;
using System.Text;
using AotRuntime.Digests;

namespace AotRuntime.Tests.Unit.Digests;

/// <summary>The framework's hashes, the whole of OpenSSL by another way, and the standard's examples are the references.</summary>
public class Sha2Tests
{
    public static TheoryData<Sha2Algorithm> Algorithms => new(Enum.GetValues<Sha2Algorithm>());

    private static string Reference(Sha2Algorithm algorithm, ReadOnlySpan<byte> data) => Convert.ToHexStringLower(algorithm switch
    {
        Sha2Algorithm.Sha256 => SHA256.HashData(data),
        Sha2Algorithm.Sha384 => SHA384.HashData(data),
        _ => SHA512.HashData(data),
    });

    private static byte[] Bytes(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    // csrc.nist.gov, "Examples with Intermediate Values" and "SHA test vectors": no byte, one block, two blocks, a million times "a".
    [Theory]
    [InlineData(Sha2Algorithm.Sha256, "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData(Sha2Algorithm.Sha256, "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData(Sha2Algorithm.Sha256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")]
    [InlineData(Sha2Algorithm.Sha256, "a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")]
    [InlineData(Sha2Algorithm.Sha384, "", 1, "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b")]
    [InlineData(Sha2Algorithm.Sha384, "abc", 1, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7")]
    [InlineData(Sha2Algorithm.Sha384, "a", 1_000_000, "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985")]
    [InlineData(Sha2Algorithm.Sha512, "", 1, "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e")]
    [InlineData(Sha2Algorithm.Sha512, "abc", 1, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f")]
    [InlineData(Sha2Algorithm.Sha512, "a", 1_000_000, "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b")]
    public void The_standards_examples(Sha2Algorithm algorithm, string text, int times, string hex)
    {
        byte[] piece = Encoding.ASCII.GetBytes(text);
        Sha2Hash hash = new(algorithm);
        for (int i = 0; i < times; i++)
            hash.Append(piece);
        Assert.Equal(hex, hash.CurrentHex());
        Assert.Equal(hex, Sha2.Hex(algorithm, Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(text, times)))));
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Every_length_in_every_two_pieces(Sha2Algorithm algorithm)
    {
        byte[] bytes = Bytes(300);
        Sha2Hash hash = new(algorithm);
        for (int length = 0; length <= bytes.Length; length++)
        {
            ReadOnlySpan<byte> data = bytes.AsSpan(0, length);
            string expected = Reference(algorithm, data);
            Assert.Equal(expected, Sha2.Hex(algorithm, data));
            for (int cut = 0; cut <= length; cut++)
            {
                hash.Reset();
                hash.Append(data[..cut]);
                hash.Append(data[cut..]);
                Assert.Equal(expected, hash.CurrentHex());
            }
        }
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Large_data_in_pieces_of_any_size_with_the_hash_so_far_in_between(Sha2Algorithm algorithm)
    {
        Random random = new(7);
        byte[] bytes = Bytes(5_000_000);
        Sha2Hash hash = new(algorithm);
        using IncrementalHash reference = IncrementalHash.CreateHash(new HashAlgorithmName(algorithm.Name().ToUpperInvariant()));
        for (int at = 0; at < bytes.Length;)
        {
            int size = Math.Min(bytes.Length - at, random.Next(1 << random.Next(1, 21)));
            hash.Append(bytes.AsSpan(at, size));
            reference.AppendData(bytes, at, size);
            at += size;
            Assert.Equal(Convert.ToHexStringLower(reference.GetCurrentHash()), hash.CurrentHex());
        }
        Assert.Equal(Reference(algorithm, bytes), hash.CurrentHex());
        Assert.Equal(Reference(algorithm, bytes), Sha2.Hex(algorithm, bytes));
    }

    [Theory]
    [MemberData(nameof(Algorithms))]
    public void Appending_allocates_nothing(Sha2Algorithm algorithm)
    {
        byte[] bytes = Bytes(100_000);
        Sha2Hash hash = new(algorithm);
        hash.Append(bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 1; i < 1000; i++)
            hash.Append(bytes.AsSpan(0, i * 100));
        hash.Reset();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Hashes_in_many_threads_while_memory_moves()
    {
        byte[] bytes = Bytes(200_000);
        string expected = Reference(Sha2Algorithm.Sha256, bytes);
        Parallel.For(0, 64, _ =>
        {
            Sha2Hash hash = new(Sha2Algorithm.Sha256);
            for (int at = 0; at < bytes.Length; at += 1000)
            {
                hash.Append(bytes.AsSpan(at, 1000).ToArray());
                if (at % 50_000 == 0)
                    GC.Collect(0);
            }
            Assert.Equal(expected, hash.CurrentHex());
        });
    }

    [Fact]
    public void An_unknown_algorithm_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Sha2Hash((Sha2Algorithm)3));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sha2.Hex((Sha2Algorithm)(-1), []));
        Assert.Throws<ArgumentOutOfRangeException>(() => ((Sha2Algorithm)3).Name());
    }
}
