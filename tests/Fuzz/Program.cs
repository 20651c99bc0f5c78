using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using AotRuntime.Tests.Fuzz;
using AotRuntime.Tests.Fuzz.Targets;

// AotRuntime.Fuzz [TARGET|all|ci|list] [SECONDS] [FILE]: changed inputs for one target or all. FUZZ_SEED makes other ones; FILE runs that input alone.
// "ci" gives each target as many inputs as stand beside it, two targets side by side: about what half a minute of two busy cores is good for on the
// wire's own parsers, and five seconds on the others; time ends only what is slower. The same inputs each time, so that a run fails for what is in the code, not for the machine's speed.
(Target Target, int InCi)[] all =
[
    (new Http1ServerTarget(), 500_000), (new Http2ServerTarget(), 150_000), (new GrpcServerTarget(), 100_000), (new Http2ClientTarget(), 100_000), (new TtrpcServerTarget(), 50_000),
    (new Http1ClientTarget(), 400_000), (new HpackTarget(), 2_000_000), (new Http1ParserTarget(), 600_000), (new ChunkedTarget(), 1_500_000),
    (new TtrpcEnvelopeTarget(), 3_000_000), (new ProtobufTarget(), 300_000),
    (new TarReaderTarget(), 20_000), (new UnpackTarget(), 2_000), (new ReferenceTarget(), 300_000), (new OciJsonTarget(), 50_000),
    (new RuncSpecTarget(), 20_000), (new FilterTarget(), 100_000), (new TomlTarget(), 100_000), (new DockerFlagsTarget(), 40_000), (new TemplateTarget(), 30_000), (new EngineJsonTarget(), 30_000),
    (new StdCopyTarget(), 200_000), (new NetlinkTarget(), 300_000), (new DBusTarget(), 300_000),
];
// What a machine that is slower gives up at, a target of the wire's and one of the others.
const double CapInCi = 30, OthersCapInCi = 6;
Type[] wire =
[
    typeof(Http1ServerTarget), typeof(Http2ServerTarget), typeof(GrpcServerTarget), typeof(Http2ClientTarget), typeof(TtrpcServerTarget), typeof(Http1ClientTarget),
    typeof(HpackTarget), typeof(Http1ParserTarget), typeof(ChunkedTarget), typeof(TtrpcEnvelopeTarget), typeof(ProtobufTarget),
];
string wanted = args.Length > 0 ? args[0] : "all";
if (wanted == "list")
{
    foreach ((Target target, _) in all)
        Console.WriteLine(target.Name);
    return 0;
}
bool ci = wanted == "ci";
double seconds = args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 5;
int seed = int.TryParse(Environment.GetEnvironmentVariable("FUZZ_SEED"), CultureInfo.InvariantCulture, out int given) ? given : 1;
(Target Target, int InCi)[] chosen = [.. all.Where(t => ci || wanted == "all" || t.Target.Name == wanted)];
if (chosen.Length == 0)
{
    Console.Error.WriteLine($"no target is named {wanted}; 'list' lists them");
    return 2;
}
Console.WriteLine($"seed {seed}");
int failed = 0;
ParallelOptions sideBySide = new() { MaxDegreeOfParallelism = ci ? 2 : 1 };
await Parallel.ForEachAsync(chosen, sideBySide, async (one, _) =>
{
    if (!await FuzzAsync(one.Target, args.Length > 2 ? File.ReadAllBytes(args[2]) : null, ci ? one.InCi : long.MaxValue, !ci ? seconds : wire.Contains(one.Target.GetType()) ? CapInCi : OthersCapInCi))
        Interlocked.Increment(ref failed);
});
Console.WriteLine($"{chosen.Length - failed} passed, {failed} failed");
return failed == 0 ? 0 : 1;

async Task<bool> FuzzAsync(Target target, byte[]? alone, long most, double cap)
{
    Mutator mutator = new(new Random(seed));
    List<byte[]> kept = alone is not null ? [alone] : [.. Corpus(target.Name), .. target.Seeds];
    mutator.Others.AddRange(kept);
    Stopwatch time = Stopwatch.StartNew();
    long runs = 0;
    foreach (byte[] input in kept)
    {
        if (!await OneAsync(target, input, (int)runs++))
            return false;
    }
    while (alone is null && runs < most && time.Elapsed.TotalSeconds < cap)
    {
        byte[] input = target.Mutate(mutator, kept[mutator.Random.Next(kept.Count)]);
        if (!await OneAsync(target, input, (int)runs++))
            return false;
    }
    Console.WriteLine($"{target.Name}: {runs} inputs, {time.Elapsed.TotalSeconds:f0} s");
    return true;
}

async Task<bool> OneAsync(Target target, byte[] input, int run)
{
    // Run on the pool, so that an input which never comes back is seen.
    Task task = Task.Run(() => target.RunAsync(input, new Random(run)));
    try
    {
        await task.WaitAsync(TimeSpan.FromSeconds(60));
        return true;
    }
    catch (Exception e)
    {
        string folder = Path.Combine(RepoRoot(), "out/fuzz");
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, $"{target.Name}-{Convert.ToHexStringLower(SHA256.HashData(input))[..12]}");
        File.WriteAllBytes(file, input);
        Console.WriteLine($"{target.Name}: FAILED at input {run}, kept as {file}");
        Console.WriteLine(e is TimeoutException && !task.IsCompleted ? "it does not come back" : e.ToString());
        return false;
    }
}

static IEnumerable<byte[]> Corpus(string target)
{
    Assembly assembly = Assembly.GetExecutingAssembly();
    foreach (string name in assembly.GetManifestResourceNames().Order(StringComparer.Ordinal))
    {
        if (!name.StartsWith($"corpus/{target}/", StringComparison.Ordinal))
            continue;
        using Stream stream = assembly.GetManifestResourceStream(name)!;
        byte[] input = new byte[stream.Length];
        stream.ReadExactly(input);
        yield return input;
    }
}

static string RepoRoot() =>
    Assembly.GetExecutingAssembly().GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "RepoRoot").Value!;
