using AotRuntime.Http;

namespace AotRuntime.Tests.Unit.Http;

public class HttpQueryTests
{
    [Fact]
    public void Names_and_values_are_decoded_in_order()
    {
        HttpQuery query = HttpQuery.Parse("a=1&b=x+y%20z&a=2&empty=&flag&%C3%A9=%F0%9F%90%B3&=v&&bad=%zz%4");
        Assert.Equal("1", query["a"]);
        Assert.Equal(["1", "2"], query.GetValues("a"));
        Assert.Equal("x y z", query["b"]);
        Assert.Equal("", query["empty"]);
        Assert.Equal("", query["flag"]);
        Assert.Equal("\U0001F433", query["é"]);
        Assert.Equal("%zz%4", query["bad"]);
        Assert.Null(query["missing"]);
    }

    [Theory]
    [InlineData("x=1", true)]
    [InlineData("x=True", true)]
    [InlineData("x=anything", true)]
    [InlineData("x=0", false)]
    [InlineData("x=FALSE", false)]
    [InlineData("x=", false)]
    [InlineData("", false)]
    public void Flags_are_read_as_docker_reads_them(string query, bool expected) =>
        Assert.Equal(expected, HttpQuery.Parse(query).GetFlag("x"));

    [Fact]
    public void What_is_encoded_decodes_to_the_same()
    {
        string text = "a/b c+d&e=f%\U0001F433é\"{}";
        Assert.Equal(text, HttpQuery.Parse(new HttpQuery().Add(text, text).ToString())[text]);
        Assert.Equal("a%2Fb%20c", PercentEncoding.Encode("a/b c"));
        Assert.Equal("/a/b%20c", PercentEncoding.EncodePath("/a/b c"));
        Assert.Equal("a+b", PercentEncoding.Decode("a+b"));
    }
}
