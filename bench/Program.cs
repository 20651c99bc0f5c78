using BenchmarkDotNet.Running;

// In process: the projects that BenchmarkDotNet would generate stand outside of this repository's build settings.
BenchmarkSwitcher.FromAssembly(typeof(AotRuntime.Bench.PingBenchmarks).Assembly).Run([.. args, "--inProcess"]);
