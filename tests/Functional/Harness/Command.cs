using System.Diagnostics;
using System.Text;

namespace AotRuntime.Tests.Functional.Harness;

/// <summary>What a program that ended left behind.</summary>
internal sealed record CommandResult(string CommandLine, int ExitCode, string Output, string Error)
{
    /// <summary>The result itself if the program succeeded, else a failure that shows everything.</summary>
    public CommandResult Succeeded()
    {
        Assert.True(ExitCode == 0, ToString());
        return this;
    }

    /// <summary>The result itself if the program ended with <paramref name="code"/>.</summary>
    public CommandResult Exited(int code)
    {
        Assert.True(ExitCode == code, $"expected exit code {code}\n{this}");
        return this;
    }

    public override string ToString() => $"$ {CommandLine}\nexit {ExitCode}\n-- stdout\n{Output}\n-- stderr\n{Error}";
}

/// <summary>A program to run, perhaps in another network namespace.</summary>
internal sealed class Command(string program, params string[] arguments)
{
    public Dictionary<string, string?> Environment { get; } = [];

    public string? Input { get; init; }

    public string WorkingDirectory { get; init; } = "/";

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A pid whose network namespace the program runs in.</summary>
    public int? NetworkOf { get; init; }

    public string Text => $"{program} {string.Join(' ', arguments)}";

    /// <summary>Runs to the end and collects both streams.</summary>
    public CommandResult Run()
    {
        using Process process = Start(redirectInput: true);
        StringBuilder output = new(), error = new();
        Task reading = Task.WhenAll(Collect(process.StandardOutput, output), Collect(process.StandardError, error));
        if (Input is not null)
            process.StandardInput.Write(Input);
        process.StandardInput.Close();
        if (!process.WaitForExit(Timeout))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"still running after {Timeout.TotalSeconds} s: {Text}\n-- stdout\n{output}\n-- stderr\n{error}");
        }
        // A grandchild may hold the pipes open; the program's own output is complete shortly after its end.
        reading.Wait(TimeSpan.FromSeconds(5));
        lock (output)
            lock (error)
                return new(Text, process.ExitCode, output.ToString(), error.ToString());
    }

    /// <summary>Starts in the background; the caller stops it.</summary>
    public Process Start(bool redirectInput = false)
    {
        ProcessStartInfo start = new()
        {
            FileName = NetworkOf is null ? program : "nsenter",
            WorkingDirectory = WorkingDirectory,
            RedirectStandardInput = redirectInput,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = new UTF8Encoding(false),
        };
        if (NetworkOf is { } pid)
        {
            start.ArgumentList.Add($"--net=/proc/{pid}/ns/net");
            start.ArgumentList.Add(program);
        }
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        foreach ((string name, string? value) in Environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static async Task Collect(StreamReader from, StringBuilder into)
    {
        char[] buffer = new char[4096];
        int n;
        while ((n = await from.ReadAsync(buffer)) > 0)
        {
            lock (into)
                into.Append(buffer, 0, n);
        }
    }
}
