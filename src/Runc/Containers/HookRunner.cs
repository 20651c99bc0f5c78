using AotRuntime.Linux;
using AotRuntime.Runc.Logging;
using AotRuntime.Runc.Spec;

namespace AotRuntime.Runc.Containers;

/// <summary>Runs the hooks that belong to the runtime's own namespaces.</summary>
internal static class HookRunner
{
    /// <summary>Runs them in order, the state on their standard input.</summary>
    /// <param name="hooks">The hooks; null is none.</param>
    /// <param name="kind">The spec's name for them.</param>
    /// <param name="state">The container's state.</param>
    /// <param name="failing">Whether the first that fails is an error; else each that does is only logged ("the remaining hooks MUST run").</param>
    /// <exception cref="RuncException">One failed.</exception>
    public static void RunAll(List<HookSpec>? hooks, string kind, ReadOnlySpan<byte> state, bool failing)
    {
        for (int i = 0; i < (hooks?.Count ?? 0); i++)
        {
            HookSpec hook = hooks![i];
            List<string> args = hook.Args is { Count: > 0 } ? hook.Args : [hook.Path];
            string? wrong = Launcher.RunHook(hook.Path, args, hook.Env ?? Inherited(), (uint)(hook.Timeout ?? 0), state);
            if (wrong is null)
                continue;
            string message = $"error running {kind} hook #{i}: {wrong}";
            if (failing)
                throw new RuncException(message);
            RuncLog.Warn(message);
        }
    }

    /// <summary>Without one of its own a hook of the runtime's namespaces gets the runtime's environment.</summary>
    private static List<string> Inherited()
    {
        var env = new List<string>();
        foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables())
            env.Add($"{entry.Key}={entry.Value}");
        return env;
    }
}
