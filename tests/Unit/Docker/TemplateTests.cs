using System.Text;
using System.Text.Json;
using AotRuntime.Docker.Templates;

namespace AotRuntime.Tests.Unit.Docker;

public sealed class TemplateTests
{
    private const string Document =
        """
        {"Id":"abc","Name":"/c1","State":{"Running":true,"ExitCode":0,"Status":"running"},
         "Config":{"Env":["A=1","B=2"],"Labels":{"a":"b","com.x":"1"},"Cmd":["sh","-c","<x>"],"Entrypoint":null},
         "NetworkSettings":{"Options":null,"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"77/tcp":null}},"Empty":{"Labels":{}},"Size":1982,"Ratio":0.5}
        """;

    private static string Run(string source)
    {
        using JsonDocument document = JsonDocument.Parse(Document);
        StringBuilder text = new();
        Template.Parse(source).Execute(text, JsonValue.Of(document.RootElement));
        return text.ToString();
    }

    [Theory]
    [InlineData("{{.Id}} {{.ID}}", "abc abc")]
    [InlineData("{{.State.Running}} {{.State.ExitCode}} {{.Size}} {{.Ratio}}", "true 0 1982 0.5")]
    [InlineData("{{json .Config.Cmd}}", "[\"sh\",\"-c\",\"<x>\"]")]
    [InlineData("{{json .State}}", "{\"Running\":true,\"ExitCode\":0,\"Status\":\"running\"}")]
    [InlineData("{{.Config.Env}} {{.Config.Labels}} {{.Config.Entrypoint}}", "[A=1 B=2] map[a:b com.x:1] []")]
    [InlineData("{{.State}}", "{true 0 running}")]
    [InlineData("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", "8080")]
    [InlineData("{{.NetworkSettings.Ports}}", "map[77/tcp:[] 80/tcp:[{0.0.0.0 8080}]]")]
    [InlineData("{{range $p, $c := .NetworkSettings.Ports}}{{$p}}{{if $c}}={{(index $c 0).HostPort}}{{else}}!{{end}} {{end}}", "77/tcp! 80/tcp=8080 ")]
    [InlineData("{{range .Config.Env}}<{{.}}>{{else}}none{{end}}", "<A=1><B=2>")]
    [InlineData("{{range $i, $e := .Config.Env}}{{$i}}:{{$e}} {{end}}", "0:A=1 1:B=2 ")]
    [InlineData("{{range .Config.Env}}{{if eq . \"B=2\"}}{{break}}{{end}}{{.}}{{end}}", "A=1")]
    [InlineData("{{with .State}}{{.Status}}{{end}}{{with \"\"}}x{{else}}y{{end}}", "runningy")]
    [InlineData("{{if .State.Health}}h{{else if .State.Running}}r{{else}}n{{end}}", "r")]
    [InlineData("{{.Config.Labels.a}} {{.Config.Labels.zz}} {{index .Config.Labels \"com.x\"}}", "b <no value> 1")]
    [InlineData("{{index .Config.Labels \"zz\"}}|{{index .Empty.Labels \"zz\"}}|{{index .NetworkSettings.Options \"zz\"}}", "||")]
    [InlineData("{{.Name | printf \"%-5s|%q\" \"x\"}}", "x    |\"/c1\"")]
    [InlineData("{{upper \"a\"}}{{lower \"B\"}}{{title \"hello world\"}}{{join (split \"a,b\" \",\") \"-\"}}", "AbHello Worlda-b")]
    [InlineData("{{truncate \"abcdef\" 3}}{{pad \"x\" 1 2}}|{{len \"héllo\"}} {{len .Config.Env}}", "abc x  |6 2")]
    [InlineData("{{and 1 0}} {{or \"\" \"x\"}} {{not true}} {{eq 1 2 1}} {{ne 1 2}} {{lt 1 2}} {{ge \"b\" \"a\"}}", "0 x false true true true true")]
    [InlineData("{{print 1 2 \"x\" 3}}{{println \"a\" 1}}", "1 2x3a 1\n")]
    [InlineData("a {{- /* c */ -}} b {{- \"x\" -}} c", "abxc")]
    [InlineData("{{$x := .Name}}{{$x}}{{$x = \"y\"}}{{$x}} {{$.Id}}", "/c1y abc")]
    [InlineData("{{\"a\\tb\\\"\"}} {{`raw\\t`}} {{'a'}} {{slice \"abcdef\" 1 3}}", "a\tb\" raw\\t 97 bc")]
    [InlineData("{{printf \"%05d|%x|%5.1f|%t|%v|%d\" 42 255 1.25 true nil \"s\"}}", "00042|ff|  1.2|true|<nil>|%!d(string=s)")]
    public void Templates_say_what_gos_say(string source, string expected) => Assert.Equal(expected, Run(source));

    [Theory]
    [InlineData("{{.Foo}}", "template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\"")]
    [InlineData("{{.Config.Foo}}", "template: :1:9: executing \"\" at <.Config.Foo>: map has no entry for key \"Foo\"")]
    [InlineData("\n {{index .Config.Env 99}}", "template: :2:3: executing \"\" at <index .Config.Env 99>: error calling index: index out of range: 99")]
    [InlineData("{{.Foo", "template: :1: unclosed action")]
    [InlineData("{{foo}}", "template: :1: function \"foo\" not defined")]
    [InlineData("{{$x}}", "template: :1: undefined variable \"$x\"")]
    [InlineData("{{if true}}", "template: :1: unexpected EOF")]
    [InlineData("{{end}}", "template: :1: unexpected {{end}}")]
    [InlineData("{{(1}}", "template: :1: unclosed left paren")]
    [InlineData("{{\"a}}", "template: :1: unterminated quoted string")]
    [InlineData("{{''}}", "template: :1: invalid syntax")]
    [InlineData("{{'ab'}}", "template: :1: malformed character constant: 'ab'")]
    [InlineData("{{}}", "template: :1: missing value for command")]
    [InlineData("{{.Name.Foo}}", "template: :1:7: executing \"\" at <.Name.Foo>: can't evaluate field Foo in type interface {}")]
    public void Errors_are_gos(string source, string message) => Assert.Equal(message, Assert.Throws<TemplateException>(() => Run(source)).Message);

    [Fact]
    public void No_source_makes_the_parser_fail_otherwise()
    {
        const string whole = "{{range $i, $e := .Config.Env}}{{if eq $e `x`}}{{printf \"%s\" (index . 0).X | json}}{{else}}{{/* c */}}{{end}}{{end}}";
        for (int from = 0; from < whole.Length; from++)
        {
            for (int to = from; to <= whole.Length; to++)
            {
                try
                {
                    Template.Parse(whole[from..to]);
                }
                catch (TemplateException e)
                {
                    Assert.StartsWith("template: :1: ", e.Message);
                }
            }
        }
    }
}
