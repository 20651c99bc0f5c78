using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using AotRuntime.Tests.Fuzz;
using AotRuntime.Tests.Fuzz.Targets;

// AotRuntime.Fuzz [TARGET|all|list] [SECONDS] [FILE]: changed inputs for one target or all. FUZZ_SEED makes other ones; FILE runs that input alone.
Target[] all =
[
    new Http1ParserTarget(), new ChunkedTarget(), new Http1ServerTarget(), new Http1ClientTarget(), new HpackTarget(), new Http2ServerTarget(),
    new TtrpcServerTarget(), new TtrpcEnvelopeTarget(), new ProtobufTarget(), new GrpcServerTarget(),
    new TarReaderTarget(), new UnpackTarget(), new ReferenceTarget(), new OciJsonTarget(),
    new RuncSpecTarget(), new FilterTarget(), new TomlTarget(), new DockerFlagsTarget(), new TemplateTarget(), new EngineJsonTarget(),
    new StdCopyTarget(), new NetlinkTarget(),
];
string wanted = args.Length > 0 ? args[0] : "all";
if (wanted == "list")
{
    foreach (Target target in all)
        Console.WriteLine(target.Name);
    return 0;
}
double seconds = args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 5;
int seed = int.TryParse(Environment.GetEnvironmentVariable("FUZZ_SEED"), CultureInfo.InvariantCulture, out int given) ? given : 1;
Target[] chosen = [.. all.Where(t => wanted == "all" || t.Name == wanted)];
if (chosen.Length == 0)
{
    Console.Error.WriteLine($"no target is named {wanted}; 'list' lists them");
    return 2;
}
Console.WriteLine($"seed {seed}");
int failed = 0;
foreach (Target target in chosen)
{
    if (!await FuzzAsync(target, args.Length > 2 ? File.ReadAllBytes(args[2]) : null))
        failed++;
}
Console.WriteLine($"{chosen.Length - failed} passed, {failed} failed");
return failed == 0 ? 0 : 1;

async Task<bool> FuzzAsync(Target target, byte[]? alone)
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
    while (alone is null && time.Elapsed.TotalSeconds < seconds)
    {
        byte[] input = target.Mutate(mutator, kept[mutator.Random.Next(kept.Count)]);
        if (!await OneAsync(target, input, (int)runs++))
            return false;
    }
    Console.WriteLine($"{target.Name}: {runs} inputs");
    return true;
}

async Task<bool> OneAsync(Target target, byte[] input, int run)
{
    // Run on the pool, so that an input which never comes back is seen.
    Task task = Task.Run(() => target.RunAsync(input, new Random(run)));
    try
    {
        await task.WaitAsync(TimeSpan.FromSeconds(20));
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
