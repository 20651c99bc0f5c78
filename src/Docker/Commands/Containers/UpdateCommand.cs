using System.Text.Json;
using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands.Containers;

/// <summary><c>docker update</c>.</summary>
public static class UpdateCommand
{
    /// <summary>Its place in the tree.</summary>
    public static Command Create() => new("update", "[OPTIONS] CONTAINER [CONTAINER...]", "Change the limits of containers", ArgumentRule.AtLeast(1), static f =>
    {
        Flag<long> blkio = f.Add(new Flag<long>("blkio-weight", '\0', 0, "Share of block I/O, 10 to 1000, or 0 for no share (default 0)", "uint16", static s => (long)FlagValues.Unsigned(s, ushort.MaxValue)));
        Flag<long> cpuPeriod = f.Int("cpu-period", '\0', "Period of the CPU quota in microseconds");
        Flag<long> cpuQuota = f.Int("cpu-quota", '\0', "CPU time in each period, in microseconds");
        Flag<long> rtPeriod = f.Int("cpu-rt-period", '\0', "Period of real-time CPU use in microseconds");
        Flag<long> rtRuntime = f.Int("cpu-rt-runtime", '\0', "Real-time CPU use in each period, in microseconds");
        Flag<string> cpusetCpus = f.String("cpuset-cpus", '\0', "CPUs to run on (0-3, 0,1)");
        Flag<string> cpusetMems = f.String("cpuset-mems", '\0', "Memory nodes to use (0-3, 0,1)");
        Flag<long> cpuShares = f.Int("cpu-shares", 'c', "Share of the CPUs (relative weight)");
        Flag<long> memory = f.Bytes("memory", 'm', "Limit of memory");
        Flag<long> reservation = f.Bytes("memory-reservation", '\0', "Soft limit of memory");
        Flag<long> swap = f.Bytes("memory-swap", '\0', "Limit of memory and swap together: -1 for no limit of swap", FlagValues.SwapBytes);
        Flag<string> restart = f.String("restart", '\0', "What to do when the container exits");
        Flag<long> pids = f.Int("pids-limit", '\0', "Limit of processes (-1 for none)");
        Flag<long> cpus = f.Add(new Flag<long>("cpus", '\0', 0, "Number of CPUs", "decimal", FlagValues.NanoCpus));
        return (context, args) =>
        {
            bool any = false;
            foreach (Flag flag in f.Flags)
                any |= flag.Changed;
            if (!any)
                throw new CommandException("you must provide one or more flags when using this command");
            int colon = restart.Value.IndexOf(':');
            if (colon == 0)
                throw new CommandException("invalid restart policy format: no policy provided before colon");
            int retries = 0;
            if (colon > 0 && !int.TryParse(restart.Value.AsSpan(colon + 1), out retries))
                throw new CommandException("invalid restart policy format: maximum retry count must be an integer");

            byte[] body = JsonBody.Object(writer =>
            {
                writer.NonZero("BlkioWeight", blkio.Value);
                writer.Text("CpusetCpus", cpusetCpus.Value);
                writer.Text("CpusetMems", cpusetMems.Value);
                writer.NonZero("CpuShares", cpuShares.Value);
                writer.NonZero("Memory", memory.Value);
                writer.NonZero("MemoryReservation", reservation.Value);
                writer.NonZero("MemorySwap", swap.Value);
                writer.NonZero("CpuPeriod", cpuPeriod.Value);
                writer.NonZero("CpuQuota", cpuQuota.Value);
                writer.NonZero("CpuRealtimePeriod", rtPeriod.Value);
                writer.NonZero("CpuRealtimeRuntime", rtRuntime.Value);
                writer.NonZero("NanoCpus", cpus.Value);
                if (pids.Value != 0)
                    writer.WriteNumber("PidsLimit", pids.Value);
                writer.WriteStartObject("RestartPolicy");
                writer.WriteString("Name", colon < 0 ? restart.Value : restart.Value[..colon]);
                writer.WriteNumber("MaximumRetryCount", retries);
                writer.WriteEndObject();
            });
            return RunAsync(context, args, body);
        };
    })
    {
        FullNames = "docker container update, docker update",
    };

    private static async Task<int> RunAsync(CliContext context, string[] names, byte[] body)
    {
        List<string> warnings = [];
        List<string> errors = [];
        foreach (string name in names)
        {
            try
            {
                using JsonDocument answer = await context.Engine.PostJsonAsync($"/containers/{Query.Segment(name)}/update", body).ConfigureAwait(false);
                context.Out.Write(name + "\n");
                warnings.AddRange(answer.RootElement.Texts("Warnings"));
            }
            catch (EngineException e)
            {
                errors.Add(e.Message);
            }
        }
        if (warnings.Count > 0)
            context.Out.Write(string.Join('\n', warnings) + "\n");
        return errors.Count == 0 ? 0 : throw new CommandException(string.Join('\n', errors));
    }
}
