using AotRuntime.Docker.Api;
using AotRuntime.Docker.CommandLine;

namespace AotRuntime.Docker.Commands;

/// <summary>Does one thing to each of several objects, several at a time, and reports in the order they were named.</summary>
public static class EachNamed
{
    private const int MostAtOnce = 50;

    /// <summary>Prints each name that <paramref name="action"/> succeeded for; the errors of the others end the command.</summary>
    /// <param name="context">The command's context.</param>
    /// <param name="names">What to act on.</param>
    /// <param name="action">What to do.</param>
    /// <param name="forgive">Errors that are only shown.</param>
    public static async Task<int> RunAsync(CliContext context, string[] names, Func<string, Task> action, Func<EngineException, bool>? forgive = null)
    {
        using SemaphoreSlim places = new(MostAtOnce);
        Task[] running = new Task[names.Length];
        for (int i = 0; i < names.Length; i++)
            running[i] = OneAsync(places, action, names[i]);
        List<string> errors = [];
        for (int i = 0; i < names.Length; i++)
        {
            try
            {
                await running[i].ConfigureAwait(false);
                context.Out.Write(names[i] + "\n");
            }
            catch (EngineException e) when (forgive is not null && forgive(e))
            {
                context.Error.Write(e.Message + "\n");
            }
            catch (Exception e) when (e is EngineException or CommandException)
            {
                errors.Add(e.Message);
            }
        }
        return errors.Count == 0 ? 0 : throw new CommandException(string.Join('\n', errors));
    }

    private static async Task OneAsync(SemaphoreSlim places, Func<string, Task> action, string name)
    {
        await places.WaitAsync().ConfigureAwait(false);
        try
        {
            await action(name).ConfigureAwait(false);
        }
        finally
        {
            places.Release();
        }
    }
}
