using AotRuntime.Linux;

namespace AotRuntime.Tests.Unit.Linux;

public class RandomSourceTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(32)]
    public void Hex_has_two_lower_case_digits_a_byte(int bytes)
    {
        string hex = RandomSource.Hex(bytes);
        Assert.Equal(2 * bytes, hex.Length);
        Assert.False(hex.AsSpan().ContainsAnyExcept("0123456789abcdef"));
    }

    [Fact]
    public void No_id_comes_twice()
    {
        HashSet<string> ids = [];
        for (int i = 0; i < 1000; i++)
            Assert.True(ids.Add(RandomSource.Hex(16)));
    }

    [Fact]
    public void A_large_buffer_is_filled_to_its_end()
    {
        byte[] bytes = new byte[1 << 20];
        Sys.GetRandom(bytes);
        // 64 zeros in a row are not by chance.
        Assert.Equal(-1, bytes.AsSpan().IndexOf(new byte[64]));
        Assert.Equal(256, bytes.Distinct().Count());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(97)]
    public void Every_number_below_the_limit_comes_as_often_as_the_others(int limit)
    {
        const int each = 1000;
        int[] seen = new int[limit];
        for (int i = 0; i < limit * each; i++)
            seen[RandomSource.Below(limit)]++;
        // Seven standard deviations: by chance once in a hundred million runs.
        Assert.All(seen, count => Assert.InRange(count, limit == 1 ? each : each - 220, each + 220));
    }

    [Fact]
    public void The_upper_half_of_the_largest_limit_is_reached()
    {
        Assert.Contains(Enumerable.Range(0, 200), _ => RandomSource.Below(int.MaxValue) >= int.MaxValue / 2);
        Assert.Throws<ArgumentOutOfRangeException>(() => RandomSource.Below(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => RandomSource.Below(-1));
    }
}
