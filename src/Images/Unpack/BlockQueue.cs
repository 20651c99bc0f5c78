using System.Buffers;

namespace AotRuntime.Images;

/// <summary>
/// Blocks on their way from the thread that decompresses to the thread that unpacks: at most a few, so that memory stays bounded whatever the
/// layer's size, and the faster side waits for the slower.
/// </summary>
internal sealed class BlockQueue(int blockSize, int capacity)
{
    private readonly Lock _gate = new();
    private readonly Queue<(byte[] Block, int Length)> _full = new();
    private readonly SemaphoreSlim _items = new(0);
    private readonly SemaphoreSlim _room = new(capacity);
    private Exception? _error;
    private byte[]? _lent;
    private volatile bool _abandoned;

    /// <summary>Whether the reader has gone; the writer stops then.</summary>
    public bool Abandoned => _abandoned;

    /// <summary>Waits for room and gives an empty block.</summary>
    public byte[] Rent()
    {
        _room.Wait();
        return ArrayPool<byte>.Shared.Rent(blockSize);
    }

    /// <summary>Hands a block on; a length of 0 is the end.</summary>
    public void Put(byte[] block, int length)
    {
        lock (_gate)
            _full.Enqueue((block, length));
        _items.Release();
    }

    /// <summary>Ends the queue with an error, which the reader gets after the blocks before it.</summary>
    public void Fail(Exception error)
    {
        _error = error;
        Put([], 0);
    }

    /// <summary>The next block, the last one's memory being given back; empty at the end.</summary>
    public ReadOnlyMemory<byte> Take()
    {
        GiveBack();
        _items.Wait();
        (byte[] Block, int Length) next;
        lock (_gate)
        {
            next = _full.Dequeue();
            if (next.Length == 0)
            {
                // The end stays in the queue: who asks again gets it again.
                _full.Enqueue(([], 0));
                _items.Release();
            }
        }
        if (next.Length == 0)
        {
            if (next.Block.Length > 0)
                ArrayPool<byte>.Shared.Return(next.Block);
            return _error is null ? default : throw new UnpackException(_error.Message, _error);
        }
        _lent = next.Block;
        return next.Block.AsMemory(0, next.Length);
    }

    /// <summary>Called by the reader when it stops early: the writer is let go.</summary>
    public void Abandon()
    {
        _abandoned = true;
        GiveBack();
        lock (_gate)
        {
            while (_full.TryDequeue(out (byte[] Block, int Length) item))
            {
                if (item.Block.Length > 0)
                    ArrayPool<byte>.Shared.Return(item.Block);
            }
        }
        _room.Release(capacity);
    }

    private void GiveBack()
    {
        if (_lent is not { } block)
            return;
        _lent = null;
        ArrayPool<byte>.Shared.Return(block);
        _room.Release();
    }
}
