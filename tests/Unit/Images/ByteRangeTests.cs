using AotRuntime.Images.Registry;

namespace AotRuntime.Tests.Unit.Images;

public class ByteRangeTests
{
    [Theory]
    [InlineData(null, RangeResult.None, 0, 100)]
    [InlineData("bytes=0-9", RangeResult.Satisfiable, 0, 10)]
    [InlineData("bytes=90-", RangeResult.Satisfiable, 90, 10)]
    [InlineData("bytes=90-9999", RangeResult.Satisfiable, 90, 10)]
    [InlineData("bytes=-5", RangeResult.Satisfiable, 95, 5)]
    [InlineData("bytes=-500", RangeResult.Satisfiable, 0, 100)]
    [InlineData("bytes=-0", RangeResult.Unsatisfiable, 100, 0)]
    [InlineData("bytes=100-", RangeResult.Unsatisfiable, 100, 100)]
    [InlineData("bytes=5-1", RangeResult.None, 0, 100)]
    [InlineData("bytes=1-2,4-5", RangeResult.None, 0, 100)]
    [InlineData("bytes=x-y", RangeResult.None, 0, 100)]
    [InlineData("bytes=+1-2", RangeResult.None, 0, 100)]
    [InlineData("lines=1-2", RangeResult.None, 0, 100)]
    [InlineData("bytes=99999999999999999999-", RangeResult.None, 0, 100)]
    public void Follows_rfc_9110(string? field, RangeResult expected, long start, long length)
    {
        Assert.Equal(expected, ByteRange.Parse(field, 100, out long actualStart, out long actualLength));
        Assert.Equal((start, length), (actualStart, actualLength));
    }
}
