using System.IO.Pipelines;
using AotRuntime.Digests;
using AotRuntime.Images.Tar;

namespace AotRuntime.Images;

/// <summary>
/// Unpacks a layer while it streams in: compressed bytes → inflate → SHA-256 (the diff id) → tar → files. Two threads work on a layer, one
/// inflating and one hashing and writing; what lies between them is a handful of pooled blocks.
/// </summary>
public static class LayerUnpacker
{
    /// <summary>
    /// Unpacks the layer that <paramref name="compressed"/> brings, to its end. The caller checks the compressed bytes' digest, and the diff id
    /// given back; until both matched, nothing may use the directory. The reader is completed.
    /// </summary>
    /// <exception cref="UnpackException">The layer is damaged or hostile, or the file system refused.</exception>
    public static async Task<UnpackResult> UnpackAsync(PipeReader compressed, UnpackOptions options, CancellationToken cancellationToken = default)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        BlockQueue queue = new(options.BlockSize, options.BlockCount);
        Task decode = OnOwnThread("layer inflate", () => Decode(compressed, options, queue, stop.Token));
        Task<UnpackResult> apply = OnOwnThread("layer unpack", () => Apply(queue, options, stop.Token));
        try
        {
            return await apply.ConfigureAwait(false);
        }
        catch (Exception error)
        {
            if (error is OperationCanceledException || cancellationToken.IsCancellationRequested)
                throw new OperationCanceledException(cancellationToken);
            if (error is UnpackException)
                throw;
            throw new UnpackException(error.Message, error);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await decode.ConfigureAwait(false);
            await compressed.CompleteAsync().ConfigureAwait(false);
        }
    }

    private static void Decode(PipeReader compressed, UnpackOptions options, BlockQueue queue, CancellationToken stop)
    {
        try
        {
            using PipeReaderStream input = new(compressed, options.Progress, stop);
            using Stream plain = LayerDecoder.Open(input);
            long total = 0;
            Span<byte> rest = stackalloc byte[4096];
            while (!queue.Abandoned)
            {
                byte[] block = queue.Rent();
                int length = 0;
                int read;
                // Full blocks: fewer hand-overs, and fewer writes per file.
                while (length < options.BlockSize && (read = plain.Read(block, length, options.BlockSize - length)) > 0)
                    length += read;
                total += length;
                if (total > options.Limits.MaxTotalBytes)
                    throw new UnpackException($"layer is larger than {options.Limits.MaxTotalBytes} bytes");
                if (length < options.BlockSize)
                {
                    // What follows the compressed stream (a decoder may stop before the end) is still the blob's.
                    while (input.Read(rest) > 0)
                    {
                    }
                }
                queue.Put(block, length);
                if (length == 0)
                    return;
            }
        }
        catch (Exception error)
        {
            queue.Fail(error is InvalidDataException or EndOfStreamException ? new UnpackException(DamagedText(error), error) : error);
        }
    }

    // A stream that breaks off inside a member is, in Go's words and so in Docker's, an unexpected EOF.
    private static string DamagedText(Exception error) =>
        error is EndOfStreamException || error.Message.Contains("unexpected end", StringComparison.OrdinalIgnoreCase) ? "unexpected EOF" : error.Message;

    private static UnpackResult Apply(BlockQueue queue, UnpackOptions options, CancellationToken stop)
    {
        try
        {
            Sha2Hash hash = new(Sha2Algorithm.Sha256);
            long tarSize = 0;
            ReadOnlyMemory<byte> NextBlock()
            {
                stop.ThrowIfCancellationRequested();
                ReadOnlyMemory<byte> block = queue.Take();
                hash.Append(block.Span);
                tarSize += block.Length;
                return block;
            }

            TarReader tar = new(NextBlock, options.Limits);
            using LayerApplier applier = new(options);
            long size = 0;
            long entries = 0;
            while (tar.Next())
            {
                if (++entries > options.MaxEntries)
                    throw new UnpackException($"layer has more than {options.MaxEntries} entries");
                size += tar.Entry.Size;
                applier.Apply(tar);
            }
            // Padding behind the tar's end belongs to the diff id.
            while (!NextBlock().IsEmpty)
            {
            }
            applier.Finish();
            return new UnpackResult(Digest.Of(hash), size, tarSize, entries);
        }
        finally
        {
            queue.Abandon();
        }
    }

    private static Task OnOwnThread(string name, Action body) =>
        OnOwnThread(name, () =>
        {
            body();
            return true;
        });

    private static Task<T> OnOwnThread<T>(string name, Func<T> body)
    {
        TaskCompletionSource<T> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Thread thread = new(() =>
        {
            try
            {
                done.SetResult(body());
            }
            catch (OperationCanceledException)
            {
                done.SetCanceled();
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        })
        {
            IsBackground = true,
            Name = name,
        };
        thread.Start();
        return done.Task;
    }
}
