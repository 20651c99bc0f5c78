using AotRuntime.Images;

namespace AotRuntime.Tests.Unit.Images;

public class DigestTests
{
    private const string Empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Fact]
    public void Reads_what_it_writes()
    {
        Digest digest = Digest.Parse(Empty);
        Assert.Equal(Empty, digest.ToString());
        Assert.Equal("e3b0c44298fc", digest.Short);
        Assert.Equal(digest, Digest.Sha256([]));
        Assert.Equal(128, Digest.Parse("sha512:" + new string('a', 128)).Hex.Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha256")]
    [InlineData("sha256:")]
    [InlineData(":e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    [InlineData("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85")]
    [InlineData("sha256:../../../../../../../../etc/passwd/./././././././././././././././")]
    [InlineData("md5:d41d8cd98f00b204e9800998ecf8427e")]
    [InlineData("sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    public void Refuses_everything_else(string text)
    {
        Assert.False(Digest.TryParse(text, out _));
        Assert.Throws<FormatException>(() => Digest.Parse(text));
    }

    [Fact]
    public void Chain_ids_stack_up()
    {
        Digest a = Digest.Parse("sha256:" + new string('1', 64));
        Digest b = Digest.Parse("sha256:" + new string('2', 64));
        Digest[] chain = ChainId.All([a, b]);
        Assert.Equal(a, chain[0]);
        Assert.Equal(Digest.Sha256(System.Text.Encoding.ASCII.GetBytes($"{a} {b}")), chain[1]);
    }
}
