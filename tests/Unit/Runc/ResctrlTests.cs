using System.Text;
using System.Text.Json;
using AotRuntime.Runc;
using AotRuntime.Runc.Resctrl;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Tests.Unit.Runc;

/// <summary>On a folder that looks like the kernel's: machines with the hardware are rare.</summary>
public sealed class ResctrlTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("aot-rdt-").FullName;
    private readonly ResctrlFs _fs;

    public ResctrlTests()
    {
        _fs = new ResctrlFs(_root);
        foreach (string dir in (string[])["info/L3", "info/L3_MON", "mon_groups"])
            Directory.CreateDirectory(Path.Combine(_root, dir));
        Put("schemata", "    L3:0=fffff\n");
        Put("info/L3/cbm_mask", "fffff\n");
        Put("info/L3/min_cbm_bits", "1\n");
        Put("info/L3/num_closids", "16\n");
        Put("info/L3_MON/mon_features", "llc_occupancy\nmbm_total_bytes\n");
        Put("info/last_cmd_status", "ok\n");
    }

    [Fact]
    public void AGroupOfTheContainersOwnComesAndGoes()
    {
        ResctrlGroup group = Create(new IntelRdtSpec { L3CacheSchema = "L3:0=f" }, prepare: () => Mkdir("box", "schemata", "tasks"));
        Assert.Equal(_root + "/box", group.State.Path);
        Assert.Equal("L3:0=f\n", Get("box/schemata"));
        group.Join(42);
        Assert.Equal("42", Get("box/tasks"));
    }

    [Fact]
    public void WhatWasMadeIsRemovedAndWhatWasThereIsNot()
    {
        var rdt = new IntelRdtSpec();
        ResctrlGroup made = Create(rdt);
        Assert.True(Directory.Exists(_root + "/box"));
        made.Destroy();
        Assert.False(Directory.Exists(_root + "/box"));
        Mkdir("box");
        Create(rdt).Destroy();
        Assert.True(Directory.Exists(_root + "/box"));
    }

    [Fact]
    public void AClassWithANameStaysAndItsMonitorGoes()
    {
        Mkdir("gold/mon_groups");
        Mkdir("gold", "tasks", "schemata");
        ResctrlGroup group = Create(new IntelRdtSpec { ClosId = "gold", EnableMonitoring = true });
        Assert.Equal(_root + "/gold/mon_groups/box", group.State.Monitor);
        Mkdir("gold/mon_groups/box/mon_data/mon_L3_00", "llc_occupancy", "mbm_total_bytes");
        Put("gold/mon_groups/box/mon_data/mon_L3_00/llc_occupancy", "77\n");
        Put("gold/mon_groups/box/mon_data/mon_L3_00/mbm_total_bytes", "88\n");
        Put("gold/schemata", "L3:0=ff\n");
        Assert.Equal(
            """
            {"intel_rdt":{"l3_cache_info":{"cbm_mask":"fffff","min_cbm_bits":1,"num_closids":16},"l3_cache_schema_root":"L3:0=fffff","l3_cache_schema":"L3:0=ff","schemata":["L3:0=ff"],"mbm_stats":[{"mbm_total_bytes":88,"mbm_local_bytes":0}],"cmt_stats":[{"llc_occupancy":77}]}}
            """,
            Stats(group.State));
        Directory.Delete(_root + "/gold/mon_groups/box/mon_data", recursive: true);
        group.Destroy();
        Assert.False(Directory.Exists(_root + "/gold/mon_groups/box"));
        Assert.True(Directory.Exists(_root + "/gold"));
    }

    [Fact]
    public void SchemataAreWrittenAsTheyAre()
    {
        Create(new IntelRdtSpec { ClosId = "gold", Schemata = ["L3:0=1", "MB:0=20"] }, prepare: () => Mkdir("gold", "schemata"));
        Assert.Equal("L3:0=1\nMB:0=20\n", Get("gold/schemata"));
    }

    [Fact]
    public void WhatTheMachineCantDoIsRefused()
    {
        Fails("intelRdt is specified in config, but Intel RDT is not enabled", () => ResctrlGroup.Require(new IntelRdtSpec(), null));
        Fails("invalid intelRdt.ClosID \"..\"", () => ResctrlGroup.Require(new IntelRdtSpec { ClosId = ".." }, _fs));
        Fails("invalid intelRdt.ClosID \"a/b\"", () => ResctrlGroup.Require(new IntelRdtSpec { ClosId = "a/b" }, _fs));
        Fails("intelRdt.memBwSchema is specified in config, but Intel RDT/MBA is not enabled", () => ResctrlGroup.Require(new IntelRdtSpec { MemBwSchema = "MB:0=20" }, _fs));
        ResctrlGroup.Require(new IntelRdtSpec { ClosId = "/", L3CacheSchema = "L3:0=f" }, _fs);
        Fails($"clos dir not accessible (must be pre-created when schemata, l3CacheSchema and memBwSchema are empty): stat {_root}/gold: no such file or directory", () => Create(new IntelRdtSpec { ClosId = "gold" }));
        Fails("intelrdt: unable to add pid 1: no such file or directory, last_cmd_status: ok", () => ResctrlGroup.Of(new IntelRdtSpec(), "absent", _fs).Join(1));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private ResctrlGroup Create(IntelRdtSpec rdt, Action? prepare = null)
    {
        prepare?.Invoke();
        ResctrlGroup group = ResctrlGroup.Of(rdt, "box", _fs);
        group.Create(rdt);
        return group;
    }

    private string Stats(ResctrlState state)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            ResctrlStats.Write(json, _fs, state);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private void Mkdir(string dir, params string[] files)
    {
        Directory.CreateDirectory(Path.Combine(_root, dir));
        foreach (string file in files)
            Put($"{dir}/{file}", "");
    }

    private void Put(string file, string text) => File.WriteAllText(Path.Combine(_root, file), text);

    private string Get(string file) => File.ReadAllText(Path.Combine(_root, file));

    private static void Fails(string message, Action action) => Assert.Equal(message, Assert.Throws<RuncException>(action).Message);
}
