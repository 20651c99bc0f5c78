using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Tests.Unit.Docker;

public sealed class FlagSetTests
{
    private readonly FlagSet _flags = new();
    private readonly Flag<bool> _detach;
    private readonly Flag<bool> _tty;
    private readonly Flag<string> _name;
    private readonly ListFlag _publish;
    private readonly Flag<long> _time;

    public FlagSetTests()
    {
        _detach = _flags.Bool("detach", 'd', "Run in the background");
        _tty = _flags.Bool("tty", 't', "Give a terminal");
        _name = _flags.String("name", 'n', "Name it");
        _publish = _flags.List("publish", 'p', "Publish");
        _time = _flags.Int("time", '\0', "Seconds");
    }

    private List<string> Parse(params string[] args) => _flags.Parse(args);

    private string Error(params string[] args) => Assert.Throws<FlagValueException>(() => _flags.Parse(args)).Message;

    [Fact]
    public void Shorthands_bundle_and_the_last_takes_the_rest_as_its_value()
    {
        List<string> rest = Parse("-dtn", "x", "-p80:80", "-p=81:81", "-p", "82");
        Assert.True(_detach.Value && _tty.Value);
        Assert.Equal("x", _name.Value);
        Assert.Equal(["80:80", "81:81", "82"], _publish.Values);
        Assert.Empty(rest);
    }

    [Fact]
    public void Long_flags_take_their_value_after_equals_or_as_the_next_word()
    {
        Parse("--name=a=b", "--time", "0x10", "--detach=false");
        Assert.Equal("a=b", _name.Value);
        Assert.Equal(16, _time.Value);
        Assert.False(_detach.Value);
        Assert.True(_detach.Changed);
    }

    [Fact]
    public void A_switch_never_takes_the_next_word()
    {
        Assert.Equal(["true"], Parse("--detach", "true"));
        Assert.True(_detach.Value);
    }

    [Fact]
    public void Flags_stop_at_the_first_positional_only_where_they_must()
    {
        Assert.Equal(["a", "b"], Parse("a", "-d", "b"));
        Assert.True(_detach.Value);
        _flags.Interspersed = false;
        Assert.Equal(["a", "-t"], Parse("a", "-t"));
        Assert.False(_tty.Value);
    }

    [Fact]
    public void Two_dashes_end_flags_and_one_alone_is_a_word()
    {
        Assert.Equal(["-", "-t", "--"], Parse("-", "--", "-t", "--"));
        Assert.False(_tty.Value);
    }

    [Theory]
    [InlineData("unknown flag: --foo", "--foo")]
    [InlineData("unknown flag: --foo", "--foo=1")]
    [InlineData("unknown shorthand flag: 'x' in -xd", "-txd")]
    [InlineData("flag needs an argument: --name", "--name")]
    [InlineData("flag needs an argument: 'n' in -n", "-dn")]
    [InlineData("bad flag syntax: --=x", "--=x")]
    [InlineData("bad flag syntax: ---", "---")]
    [InlineData("invalid argument \"foo\" for \"-d, --detach\" flag: strconv.ParseBool: parsing \"foo\": invalid syntax", "--detach=foo")]
    [InlineData("invalid argument \"x\" for \"--time\" flag: strconv.ParseInt: parsing \"x\": invalid syntax", "--time=x")]
    [InlineData("invalid argument \"9223372036854775808\" for \"--time\" flag: strconv.ParseInt: parsing \"9223372036854775808\": value out of range", "--time=9223372036854775808")]
    public void Errors_are_dockers(string message, params string[] args) => Assert.Equal(message, Error(args));

    [Fact]
    public void H_asks_for_help_with_a_note_unless_the_command_has_it()
    {
        Parse("-h");
        Assert.True(_flags.HelpAsked);
        Assert.Equal(["Flag shorthand -h has been deprecated, use --help"], _flags.Notes);
    }

    [Fact]
    public void Usages_align_and_wrap_in_two_columns()
    {
        FlagSet flags = new();
        flags.Bool("all", 'a', "Show all of it");
        flags.String("format", '\0', "How to show it:\n'json':   as JSON, which programs like to read more than people do");
        flags.Int("last", 'n', "Show n", -1);
        Assert.Equal(
            """
              -a, --all             Show all of it
                  --format string   How to show it:
                                    'json':   as JSON, which
                                    programs like to read
                                    more than people do
              -n, --last int        Show n (default -1)

            """.ReplaceLineEndings("\n"),
            flags.Usages(55));
    }
}
