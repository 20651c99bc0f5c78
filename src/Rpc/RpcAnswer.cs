using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Google.Protobuf;

namespace AotRuntime.Rpc;

/// <summary>
/// A call's answer to come: to be awaited once, and what an async handler returns. A <see cref="ValueTask{T}"/> of each message would do; but
/// a task's type brings fifteen others into the program, and there are a hundred messages. Here all share the tasks of one.
/// </summary>
[AsyncMethodBuilder(typeof(RpcAnswerBuilder<>))]
[SuppressMessage("Performance", "CA1815:Override equals and operator equals on value types", Justification = "as a task, it is awaited, not compared")]
public readonly struct RpcAnswer<T>(ValueTask<IMessage?> pending)
    where T : class?, IMessage?
{
    /// <summary>An answer that is there.</summary>
    public static implicit operator RpcAnswer<T>(T answer) => new(new ValueTask<IMessage?>(answer));

    /// <summary>Awaited without a choice of where to go on, as <see cref="ValueTask{T}"/> does it.</summary>
    public Awaiter GetAwaiter() => ConfigureAwait(true).GetAwaiter();

    /// <summary>Chooses whether to go on in the caller's context.</summary>
    public Awaitable ConfigureAwait(bool continueOnCapturedContext) => new(pending.ConfigureAwait(continueOnCapturedContext));

    /// <summary>The answer as a task of any message.</summary>
    public Task<IMessage?> AsTask() => pending.AsTask();

    /// <summary>The answer as any message.</summary>
    internal RpcAnswer<IMessage> Untyped => new(pending);

    /// <summary>What <c>await</c> takes.</summary>
    public readonly struct Awaitable(ConfiguredValueTaskAwaitable<IMessage?> pending)
    {
        /// <summary>The awaiter.</summary>
        public Awaiter GetAwaiter() => new(pending.GetAwaiter());
    }

    /// <summary>Gives the message as what it is.</summary>
    public readonly struct Awaiter(ConfiguredValueTaskAwaitable<IMessage?>.ConfiguredValueTaskAwaiter pending) : ICriticalNotifyCompletion
    {
        /// <summary>Whether the answer is there.</summary>
        public bool IsCompleted => pending.IsCompleted;

        /// <summary>The answer.</summary>
        /// <exception cref="RpcException">The call ended with another status than OK.</exception>
        public T GetResult() => (T)pending.GetResult()!;

        /// <inheritdoc/>
        public void OnCompleted(Action continuation) => pending.OnCompleted(continuation);

        /// <inheritdoc/>
        public void UnsafeOnCompleted(Action continuation) => pending.UnsafeOnCompleted(continuation);
    }
}

/// <summary>Lets async methods return <see cref="RpcAnswer{T}"/>.</summary>
[SuppressMessage("Performance", "CA1815:Override equals and operator equals on value types", Justification = "the compiler's alone")]
public struct RpcAnswerBuilder<T>
    where T : class?, IMessage?
{
    private AsyncValueTaskMethodBuilder<IMessage?> _builder;

    /// <summary>What the method returns.</summary>
    public RpcAnswer<T> Task => new(_builder.Task);

    /// <summary>A new one.</summary>
    [SuppressMessage("Design", "CA1000:Do not declare static members on generic types", Justification = "the compiler asks for it")]
    public static RpcAnswerBuilder<T> Create() => default;

    /// <summary>Begins.</summary>
    public void Start<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine => _builder.Start(ref stateMachine);

    /// <summary>Keeps the state on the heap.</summary>
    public void SetStateMachine(IAsyncStateMachine stateMachine) => _builder.SetStateMachine(stateMachine);

    /// <summary>Ends well.</summary>
    public void SetResult(T result) => _builder.SetResult(result);

    /// <summary>Ends in an error.</summary>
    public void SetException(Exception exception) => _builder.SetException(exception);

    /// <summary>Waits.</summary>
    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : INotifyCompletion where TStateMachine : IAsyncStateMachine =>
        _builder.AwaitOnCompleted(ref awaiter, ref stateMachine);

    /// <summary>Waits, without the caller's execution context.</summary>
    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion where TStateMachine : IAsyncStateMachine =>
        _builder.AwaitUnsafeOnCompleted(ref awaiter, ref stateMachine);
}
