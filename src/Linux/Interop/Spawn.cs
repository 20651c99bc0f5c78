using System.Runtime.InteropServices;

namespace AotRuntime.Linux;

/// <summary><c>native/launcher/spawn.c</c>, as it is laid out there.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeSpawnPlan
{
    public byte* Path;
    public byte** Argv;
    public byte** Envp;
    public byte* Cwd;
    public int* Fds;
    public int FdCount;
    public int Flags;
    public int ParentDeathSignal;
    public int Reserved;
    public byte* OomScoreAdj;
}

/// <summary>What <c>aot_spawn</c> gives back.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeSpawnResult
{
    public int Pid;
    public int PidFd;
    public int Step;
    public int Error;
}

public static partial class Sys
{
    [LibraryImport("aotlauncher", EntryPoint = "aot_spawn")]
    private static unsafe partial int aot_spawn(NativeSpawnPlan* plan, NativeSpawnResult* result);

    internal static unsafe NativeSpawnResult Spawn(in NativeSpawnPlan plan)
    {
        NativeSpawnResult result;
        // SAFETY: the plan's pointers live in the caller's frame; the call returns after the child has left this memory.
        fixed (NativeSpawnPlan* p = &plan)
            aot_spawn(p, &result);
        return result;
    }
}
