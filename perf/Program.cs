using AotRuntime.Perf;

// perf [size|start|run|many|api|http|http2|transfer ...]: all of them by default.
string[] wanted = args.Length > 0 ? args : ["size", "start", "run", "many", "api", "http", "http2", "transfer"];
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
        case "many":
            RunComparison.RunMany(report);
            break;
        case "api":
            await ApiComparison.RunAsync(report);
            break;
        case "http":
            HttpComparison.RunHttp1(report);
            break;
        case "http2":
            HttpComparison.RunHttp2(report);
            break;
        case "transfer":
            TransferComparison.Run(report);
            break;
        default:
            Console.Error.WriteLine($"no comparison is named {name}");
            return 2;
    }
}
report.Save();
return 0;
