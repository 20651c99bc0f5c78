using AotRuntime.Perf;

// perf [size|start|run|api|http ...]: all of them by default.
string[] wanted = args.Length > 0 ? args : ["size", "start", "run", "api", "http"];
Report report = new();
foreach (string name in wanted)
{
    switch (name)
    {
        case "size":
            SizeComparison.Run(report);
            break;
        case "start":
            StartComparison.Run(report);
            break;
        case "run":
            RunComparison.Run(report);
            break;
        case "api":
            await ApiComparison.RunAsync(report);
            break;
        case "http":
            HttpComparison.Run(report);
            break;
        default:
            Console.Error.WriteLine($"no comparison is named {name}");
            return 2;
    }
}
report.Save();
return 0;
