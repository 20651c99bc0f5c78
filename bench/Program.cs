using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

// In process: the projects that BenchmarkDotNet would generate are outside of this repository's build settings.
IConfig config = DefaultConfig.Instance.AddJob(Job.Default.WithToolchain(new InProcessEmitToolchain(TimeSpan.FromMinutes(10), logOutput: true)));
BenchmarkSwitcher.FromAssembly(typeof(AotRuntime.Bench.PingBenchmarks).Assembly).Run(args, config);
