using AotRuntime.Images;

namespace AotRuntime.Tests.Unit.Images;

/// <summary>distribution/reference's behaviour, case by case.</summary>
public class ImageReferenceTests
{
    private const string Sha = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Theory]
    [InlineData("hello-world", "docker.io/library/hello-world", "hello-world", "docker.io", "library/hello-world")]
    [InlineData("docker.io/hello-world", "docker.io/library/hello-world", "hello-world", "docker.io", "library/hello-world")]
    [InlineData("index.docker.io/library/redis:6", "docker.io/library/redis:6", "redis:6", "docker.io", "library/redis")]
    [InlineData("foo/bar:v1", "docker.io/foo/bar:v1", "foo/bar:v1", "docker.io", "foo/bar")]
    [InlineData("library/distros/ubuntu", "docker.io/library/distros/ubuntu", "library/distros/ubuntu", "docker.io", "library/distros/ubuntu")]
    [InlineData("127.0.0.1:5000/x", "127.0.0.1:5000/x", "127.0.0.1:5000/x", "127.0.0.1:5000", "x")]
    [InlineData("localhost/x:1", "localhost/x:1", "localhost/x:1", "localhost", "x")]
    [InlineData("[::1]:5000/a/b:t", "[::1]:5000/a/b:t", "[::1]:5000/a/b:t", "[::1]:5000", "a/b")]
    [InlineData("Uppercase/lower", "Uppercase/lower", "Uppercase/lower", "Uppercase", "lower")]
    [InlineData("a.b-c/d__e/f--g_h.i", "a.b-c/d__e/f--g_h.i", "a.b-c/d__e/f--g_h.i", "a.b-c", "d__e/f--g_h.i")]
    [InlineData("busybox@" + Sha, "docker.io/library/busybox@" + Sha, "busybox@" + Sha, "docker.io", "library/busybox")]
    [InlineData("busybox:1@" + Sha, "docker.io/library/busybox:1@" + Sha, "busybox:1@" + Sha, "docker.io", "library/busybox")]
    public void Fills_in_defaults(string text, string full, string familiar, string domain, string path)
    {
        ImageReference reference = ImageReference.Parse(text);
        Assert.Equal((full, familiar, domain, path), (reference.ToString(), reference.Familiar, reference.Domain, reference.Path));
    }

    [Theory]
    [InlineData("", "invalid reference format")]
    [InlineData(":", "invalid reference format")]
    [InlineData("a b", "invalid reference format")]
    [InlineData("x:", "invalid reference format")]
    [InlineData("x:-tag", "invalid reference format")]
    [InlineData("x@sha256:short", "invalid reference format")]
    [InlineData("a..b", "invalid reference format")]
    [InlineData("a/../b", "invalid reference format")]
    [InlineData("-x", "invalid reference format")]
    [InlineData("x_", "invalid reference format")]
    [InlineData("a___b", "invalid reference format")]
    [InlineData("/x", "invalid reference format")]
    [InlineData("host:port/x", "invalid reference format")]
    [InlineData("UPPER", "invalid reference format: repository name (library/UPPER) must be lowercase")]
    [InlineData("a/B:t", "invalid reference format: repository name (a/B) must be lowercase")]
    [InlineData("x@md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported digest algorithm")]
    [InlineData("x@sha256:d41d8cd98f00b204e9800998ecf8427e", "invalid checksum digest length")]
    [InlineData("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "invalid repository name (e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855), cannot specify 64-byte hexadecimal strings")]
    public void Says_what_docker_says(string text, string message) =>
        Assert.Equal(message, Assert.Throws<ReferenceException>(() => ImageReference.Parse(text)).Message);

    [Fact]
    public void Limits_hold()
    {
        ImageReference.Parse("h.io/" + new string('a', 255));
        Assert.Equal("repository name must not be more than 255 characters", Assert.Throws<ReferenceException>(() => ImageReference.Parse("h.io/" + new string('a', 256))).Message);
        ImageReference.Parse("x:" + new string('t', 128));
        Assert.Throws<ReferenceException>(() => ImageReference.Parse("x:" + new string('t', 129)));
    }

    [Fact]
    public void Canonical_is_by_digest_alone()
    {
        Assert.Equal("docker.io/library/x:latest", ImageReference.Parse("x").Canonical().ToString());
        Assert.Equal("docker.io/library/x@" + Sha, ImageReference.Parse("x:1@" + Sha).Canonical().ToString());
        Assert.Equal("docker.io/library/x:2", ImageReference.Parse("x:1").WithTag("2").ToString());
        Assert.Throws<ReferenceException>(() => ImageReference.Parse("x").WithTag("a/b"));
    }
}
