using System.Text;
using AotRuntime.Images.Tar;

namespace AotRuntime.Tests.Unit.Images;

public class TarPathTests
{
    [Theory]
    [InlineData("a/b", "a/b")]
    [InlineData("./a//b/", "a/b")]
    [InlineData("/etc/passwd", "etc/passwd")]
    [InlineData("./dot/../dot2/file", "dot2/file")]
    [InlineData("a/b/../../c", "c")]
    [InlineData("./", "")]
    [InlineData("a/..", "")]
    [InlineData("..", null)]
    [InlineData("../x", null)]
    [InlineData("/../x", null)]
    [InlineData("a/../../x", null)]
    [InlineData("..x/...", "..x/...")]
    public void Cleans_as_go(string name, string? expected)
    {
        byte[]? clean = TarPath.Clean(Encoding.UTF8.GetBytes(name));
        Assert.Equal(expected, clean is null ? null : Encoding.UTF8.GetString(clean));
    }
}
