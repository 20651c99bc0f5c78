using AotRuntime.Patterns;
using Xunit;

namespace AotRuntime.Tests.Unit.Patterns;

public sealed class PatternTests
{
    [Theory]
    [InlineData("web", "/my-web-1", true)]
    [InlineData("^/?web$", "/web", true)]
    [InlineData("^web$", "/web", false)]
    [InlineData("", "anything", true)]
    [InlineData("a|b|", "c", true)]
    [InlineData("^(a|bc)+$", "abcabc", true)]
    [InlineData("^(a|bc)+$", "abcab", false)]
    [InlineData("^(?:a*)*$", "aaaa", true)]
    [InlineData("^(a|b*)*c$", "abbac", true)]
    [InlineData("^a{2,3}$", "a", false)]
    [InlineData("^a{2,3}$", "aaa", true)]
    [InlineData("^a{2,3}$", "aaaa", false)]
    [InlineData("^a{2,}$", "aaaaaa", true)]
    [InlineData("^a{2}$", "aaa", false)]
    [InlineData("^a{,2}$", "a{,2}", true)]
    [InlineData("^x{a}$", "x{a}", true)]
    [InlineData("^a+?b??$", "aa", true)]
    [InlineData("[^a-c]", "abc", false)]
    [InlineData("[^a-c]", "abcd", true)]
    [InlineData("^[]a]+$", "]a", true)]
    [InlineData("^[a-]+$", "a-", true)]
    [InlineData(@"^[\d_[:upper:]]+$", "7_X", true)]
    [InlineData(@"^[\d_[:upper:]]+$", "7_x", false)]
    [InlineData(@"^[^\d]$", "7", false)]
    [InlineData(@"^[[:^digit:]]$", "7", false)]
    [InlineData(@"^\D\W\S$", "a-b", true)]
    [InlineData(@"\bweb\b", "my web", true)]
    [InlineData(@"\bweb\b", "cobwebs", false)]
    [InlineData(@"\Bweb\B", "cobwebs", true)]
    [InlineData(@"^\Qa.b*\E+$", "a.b**", true)]
    [InlineData(@"^\Qa.b", "a.bc", true)]
    [InlineData(@"\Aab\z", "ab", true)]
    [InlineData(@"^\x41\x{1F600}\101\.$", "A\U0001F600A.", true)]
    [InlineData("^.$", "\n", false)]
    [InlineData("(?s)^.$", "\n", true)]
    [InlineData("(?m)^b$", "a\nb\nc", true)]
    [InlineData("^b$", "a\nb\nc", false)]
    [InlineData("(?i)WEB", "my-web", true)]
    [InlineData("(?i:W)eb", "web", true)]
    [InlineData("(?i:W)eb", "wEb", false)]
    [InlineData("(?i)[a-f]+x(?-i)Y", "AbXY", true)]
    [InlineData("(?P<name>a)(?<other>b)", "ab", true)]
    [InlineData("^.$", "\U0001F600", true)]
    public void Matches(string pattern, string text, bool expected) => Assert.Equal(expected, Pattern.Parse(pattern).IsMatch(text));

    [Theory]
    [InlineData("a)", "error parsing regexp: unexpected ): `a)`")]
    [InlineData("(a", "error parsing regexp: missing closing ): `(a`")]
    [InlineData("x[a", "error parsing regexp: missing closing ]: `[a`")]
    [InlineData("[b-a]", "error parsing regexp: invalid character class range: `b-a`")]
    [InlineData("*a", "error parsing regexp: missing argument to repetition operator: `*`")]
    [InlineData("a**", "error parsing regexp: invalid nested repetition operator: `**`")]
    [InlineData("a{1001}", "error parsing regexp: invalid repeat count: `{1001}`")]
    [InlineData("a{2,1}", "error parsing regexp: invalid repeat count: `{2,1}`")]
    [InlineData(@"a\", "error parsing regexp: trailing backslash at end of expression: ``")]
    [InlineData(@"(a)\1", @"error parsing regexp: invalid escape sequence: `\1`")]
    [InlineData(@"\y", @"error parsing regexp: invalid escape sequence: `\y`")]
    [InlineData("(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`")]
    [InlineData("(?P<>a)", "error parsing regexp: invalid named capture: `(?P<>`")]
    [InlineData("((a{100}){100}){100}", "error parsing regexp: expression too large: `((a{100}){100}){100}`")]
    public void SaysWhatIsWrong(string pattern, string message) =>
        Assert.Equal(message, Assert.Throws<PatternException>(() => Pattern.Parse(pattern)).Message);

    [Fact]
    public void IsNotKeptBusyByAnyPattern()
    {
        string many = new('a', 5000);
        Assert.False(Pattern.Parse("^(a|a)*(a+)+(a*)*b$").IsMatch(many));
        Assert.Throws<PatternException>(() => Pattern.Parse(new string('(', 100_000)));
        // Cut at every place, a pattern is read or refused, no more.
        const string all = @"^(?i:a|[^b-c\d[:alpha:]]{2,3})*?\x{41}\Qx\E(?P<n>\bz)$";
        for (int i = 0; i <= all.Length; i++)
        {
            try
            {
                Pattern.Parse(all[..i]).IsMatch(many[..100]);
            }
            catch (PatternException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }
}
