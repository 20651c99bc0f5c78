using AotRuntime.Images;

namespace AotRuntime.Tests.Unit.Images;

public class PlatformTests
{
    [Theory]
    [InlineData("linux/amd64", "linux/amd64")]
    [InlineData("amd64", "linux/amd64")]
    [InlineData("linux/x86_64", "linux/amd64")]
    [InlineData("linux/aarch64", "linux/arm64/v8")]
    [InlineData("linux/arm/7", "linux/arm/v7")]
    [InlineData("armhf", "linux/arm/v7")]
    public void Parses_as_containerd(string text, string expected) => Assert.Equal(expected, Platform.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("linux/")]
    [InlineData("linux/amd64/v1/x")]
    [InlineData("nonsense")]
    [InlineData("linux/am d64")]
    public void Refuses_what_is_none(string text) => Assert.Throws<FormatException>(() => Platform.Parse(text));

    [Fact]
    public void Chooses_the_closest_variant_and_never_a_higher_one()
    {
        Descriptor[] manifests =
        [
            Of("linux", "amd64", null), Of("unknown", "unknown", null), Of("linux", "arm", "v5"), Of("linux", "arm", "v6"), Of("linux", "arm64", "v8"), Of("windows", "amd64", null),
        ];
        Assert.Equal("v6", Platform.Parse("linux/arm/v7").Choose(manifests)!.Platform!.Variant);
        Assert.Null(Platform.Parse("linux/s390x").Choose(manifests));
        Assert.Equal("linux", Platform.Parse("linux/amd64").Choose(manifests)!.Platform!.Os);
        Assert.Null(Platform.Parse("linux/arm/v6").Choose([Of("linux", "arm", "v7")]));
    }

    private static Descriptor Of(string os, string architecture, string? variant) =>
        new() { MediaType = MediaTypes.OciManifest, Platform = new Platform { Os = os, Architecture = architecture, Variant = variant } };
}
