using AotRuntime.Images.Registry;

namespace AotRuntime.Tests.Unit.Images;

public class AuthChallengeTests
{
    [Fact]
    public void Reads_a_bearer_challenge()
    {
        AuthChallenge challenge = Assert.Single(AuthChallenge.Parse(
            """Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push" """));
        Assert.Equal("bearer", challenge.Scheme);
        Assert.Equal("https://auth.example/token", challenge["realm"]);
        Assert.Equal("repository:a/b:pull,push", challenge["scope"]);
        Assert.Equal("", challenge["error"]);
    }

    [Fact]
    public void Several_challenges_share_a_line()
    {
        List<AuthChallenge> challenges = AuthChallenge.Parse("""Negotiate, Basic realm="a \"quoted\" one", Bearer realm = x , service=y""");
        Assert.Equal(["negotiate", "basic", "bearer"], challenges.Select(c => c.Scheme));
        Assert.Equal("a \"quoted\" one", challenges[1]["realm"]);
        Assert.Equal("x", challenges[2]["realm"]);
        Assert.Equal("y", challenges[2]["service"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("realm=\"x\"")]
    [InlineData("=,=")]
    [InlineData("Bearer realm=\"never ends")]
    [InlineData("Bearer \u00e9")]
    public void Nonsense_ends_the_list_without_harm(string field)
    {
        foreach (AuthChallenge challenge in AuthChallenge.Parse(field))
            Assert.Equal("", challenge["realm"]);
    }
}
