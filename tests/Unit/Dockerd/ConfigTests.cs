using AotRuntime.Dockerd.Api;
using AotRuntime.Dockerd.Config;
using AotRuntime.Dockerd.Containers;
using AotRuntime.EngineApi;

namespace AotRuntime.Tests.Unit.Dockerd;

public class ConfigTests
{
    private static DaemonOptions Parse(string? file, params string[] args) => OptionParser.Parse(args, _ => file);

    [Fact]
    public void Flags_in_all_their_forms()
    {
        DaemonOptions options = Parse(null, "-H", "unix:///a", "--host=tcp://127.0.0.1:0", "-Dl", "warn", "--data-root", "/d", "--iptables=false", "--insecure-registry", "r:5000");
        Assert.Equal(["unix:///a", "tcp://127.0.0.1:0"], options.Hosts);
        Assert.True(options.Debug);
        Assert.Equal("warn", options.LogLevel);
        Assert.Equal("/d", options.DataRoot);
        Assert.False(options.Iptables);
        Assert.Equal(["r:5000"], options.InsecureRegistries);
    }

    [Theory]
    [InlineData("unknown flag: --nope", "--nope")]
    [InlineData("unknown shorthand flag: 'z' in -z", "-z")]
    [InlineData("flag needs an argument: --data-root", "--data-root")]
    [InlineData("\"dockerd\" accepts no arguments.", "run")]
    [InlineData("invalid argument \"x\" for \"-D, --debug\" flag: strconv.ParseBool: parsing \"x\": invalid syntax", "-D=x")]
    public void Wrong_flags_get_dockers_words(string message, string arg)
    {
        ConfigException error = Assert.Throws<ConfigException>(() => Parse(null, arg));
        Assert.StartsWith(message, error.Message);
    }

    [Fact]
    public void The_file_fills_what_the_flags_leave_open()
    {
        DaemonOptions options = Parse("""{"hosts":["tcp://127.0.0.1:1"],"debug":true,"log-opts":{"max-size":"1m"},"runtimes":{"crun":{"path":"/usr/bin/crun"}},"default-address-pools":[{"base":"10.1.0.0/16","size":24}]}""", "--group", "");
        Assert.Equal(["tcp://127.0.0.1:1"], options.Hosts);
        Assert.True(options.Debug);
        Assert.Equal("1m", options.LogOptions["max-size"]);
        Assert.Equal("/usr/bin/crun", options.Runtimes["crun"].Path);
        Assert.Equal(["base=10.1.0.0/16,size=24"], options.DefaultAddressPools);
    }

    [Theory]
    [InlineData("""{"hosts":["unix:///b"]}""", "the following directives are specified both as a flag and in the configuration file: hosts: (from flag: [unix:///a], from file: [unix:///b])")]
    [InlineData("""{"bogus":1}""", "the following directives don't match any configuration option: bogus")]
    [InlineData("{", "unable to configure the Docker daemon with file /etc/docker/daemon.json")]
    public void A_file_that_contradicts_or_is_wrong(string file, string message) =>
        Assert.Contains(message, Assert.Throws<ConfigException>(() => Parse(file, "-H", "unix:///a")).Message);

    [Fact]
    public void Tls_and_proxies_from_flags_and_file()
    {
        DaemonOptions options = Parse("""{"tlsverify":true,"tlscacert":"/c","proxies":{"https-proxy":"http://p:1","no-proxy":"a,b"}}""", "--tlscert", "/d", "--http-proxy", "http://q:2");
        Assert.Equal((true, "/c", "/d"), (options.TlsVerify, options.TlsCaCert, options.TlsCert));
        Assert.EndsWith("/key.pem", options.TlsKey);
        Assert.Equal(("http://q:2", "http://p:1", "a,b"), (options.HttpProxy, options.HttpsProxy, options.NoProxy));
        Assert.Contains("http-proxy: (from flag: x, from file: y)", Assert.Throws<ConfigException>(() => Parse("""{"proxies":{"http-proxy":"y"}}""", "--http-proxy", "x")).Message);
    }

    [Fact]
    public void The_images_command_goes_with_the_images_entrypoint()
    {
        ContainerConfig image = new() { Entrypoint = ["/entry"], Cmd = ["default"], Env = ["A=image", "B=image"], WorkingDir = "/w" };
        ContainerConfig merged = ConfigMerge.WithImage(new ContainerConfig { Env = ["A=user"] }, image);
        Assert.Equal(("/entry", "default"), (ConfigMerge.Command(merged).Path, Assert.Single(ConfigMerge.Command(merged).Args)));
        Assert.Equal(["A=user", "B=image"], merged.Env!);
        Assert.Equal("/w", merged.WorkingDir);
        Assert.Equal(["own"], ConfigMerge.Command(ConfigMerge.WithImage(new ContainerConfig { Cmd = ["own"] }, image)).Args);
        Assert.Empty(ConfigMerge.Command(ConfigMerge.WithImage(new ContainerConfig { Entrypoint = ["sh"] }, image)).Args);
        Assert.Equal("no command specified", Assert.Throws<ApiException>(() => ConfigMerge.WithImage(new ContainerConfig { Entrypoint = [""] }, image)).Message);
    }

    [Theory]
    [InlineData("/a:/b", "bind", "/a", "/b", true)]
    [InlineData("/a:/b:ro,rshared", "bind", "/a", "/b", false)]
    [InlineData("data:/b", "volume", "", "/b", true)]
    [InlineData("/b/../c", "volume", "", "/c", true)]
    public void Binds(string spec, string type, string source, string destination, bool writable)
    {
        MountRecord mount = MountResolver.ParseBind(spec);
        Assert.Equal((type, source, destination, writable), (mount.Type, mount.Source, mount.Destination, mount.Writable));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/a:b")]
    [InlineData("/a:/b:zz")]
    [InlineData("/a:/b:ro:x")]
    [InlineData("a/b:/c")]
    public void Bad_binds(string spec) => Assert.Equal(400, Assert.Throws<ApiException>(() => MountResolver.ParseBind(spec)).StatusCode);

    [Theory]
    [InlineData("SIGTERM", 15)]
    [InlineData("kill", 9)]
    [InlineData("34", 34)]
    [InlineData("RTMIN+3", 37)]
    [InlineData("bogus", 0)]
    [InlineData("0", 0)]
    public void Signals_by_name_or_number(string text, int number) => Assert.Equal(number, Signals.TryParse(text, out int signal) ? signal : 0);

    [Fact]
    public void Routes_match_names_with_slashes()
    {
        Router router = new();
        ApiHandler json = static _ => Task.CompletedTask, list = static _ => Task.CompletedTask, delete = static _ => Task.CompletedTask;
        router.Map("GET", "/images/json", list);
        router.Map("GET", "/images/{name*}/json", json);
        router.Map("DELETE", "/images/{name*}", delete);
        Dictionary<string, string> parameters = [];
        Assert.Same(list, router.Find("GET", "/images/json", parameters));
        Assert.Same(json, router.Find("GET", "/images/host:5000/a/b%3Atag/json", parameters));
        Assert.Equal("host:5000/a/b:tag", parameters["name"]);
        Assert.Same(delete, router.Find("DELETE", "/images/a/b", parameters));
        Assert.Null(router.Find("POST", "/images/json", parameters));
        Assert.Null(router.Find("GET", "/nothing", parameters));
    }

    [Theory]
    [InlineData("exec: \"x\": executable file not found in $PATH", 127, 400)]
    [InlineData("exec: \"/etc\": permission denied", 126, 400)]
    [InlineData("exec: \"/etc\": is a directory", 126, 400)]
    [InlineData("something else", 128, 500)]
    public void Start_errors_have_dockers_exit_codes(string message, int exitCode, int status)
    {
        (int code, ApiException error) = StartError.Translate(message, new IOException());
        Assert.Equal((exitCode, status), (code, error.StatusCode));
    }
}
