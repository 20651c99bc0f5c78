using AotRuntime.EngineApi;

namespace AotRuntime.Tests.Unit.EngineApi;

public class JsonTests
{
    [Fact]
    public void Names_match_without_case_null_is_zero_and_unknown_members_are_ignored()
    {
        ContainerCreateRequest request = EngineJson.Parse(
            """{"image":"x","TTY":true,"cmd":"one","Env":null,"AttachStdin":null,"StopTimeout":null,"hostconfig":{"Memory":null,"NetworkMode":"none","Bogus":[1]},"Nope":{}}""",
            EngineJson.Types.ContainerCreateRequest)!;
        Assert.Equal("x", request.Image);
        Assert.True(request.Tty);
        Assert.Equal(["one"], request.Cmd!);
        Assert.False(request.AttachStdin);
        Assert.Equal(0, request.HostConfig!.Memory);
        Assert.Equal("none", request.HostConfig.NetworkMode);
    }

    [Fact]
    public void Output_is_not_escaped_for_html_and_omits_what_go_omits()
    {
        string text = EngineJson.ToText(new ContainerConfig { Env = ["A=<&>"], Cmd = ["a"] }, EngineJson.Types.ContainerConfig);
        Assert.Contains("\"A=<&>\"", text);
        Assert.DoesNotContain("ExposedPorts", text);
        Assert.Contains("\"Entrypoint\":null", text);
    }
}
