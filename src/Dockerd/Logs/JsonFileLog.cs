using System.Buffers;
using System.Globalization;
using System.Text;
using AotRuntime.EngineApi;

namespace AotRuntime.Dockerd.Logs;

/// <summary>Options of the json-file driver.</summary>
internal sealed record JsonFileOptions
{
    /// <summary>A file that grows beyond this is rotated; 0 for never.</summary>
    public long MaxSize { get; init; }

    /// <summary>How many files are kept, the current one included.</summary>
    public int MaxFiles { get; init; } = 1;

    /// <summary>Reads <c>max-size</c> and <c>max-file</c>.</summary>
    /// <exception cref="Api.ApiException">400: a value is none, or an option is unknown.</exception>
    public static JsonFileOptions Parse(IReadOnlyDictionary<string, string>? options)
    {
        long size = 0;
        int files = 1;
        foreach ((string key, string value) in options ?? new Dictionary<string, string>())
        {
            switch (key)
            {
                case "max-size":
                    if (!ByteSize.TryParseRam(value, out size))
                        throw Api.ApiException.BadRequest($"invalid size: '{value}'");
                    break;
                case "max-file":
                    if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out files) || files < 1)
                        throw Api.ApiException.BadRequest("max-file cannot be less than 1");
                    break;
                case "compress" or "labels" or "labels-regex" or "env" or "env-regex" or "tag" or "mode" or "max-buffer-size" or "cache-disabled" or "cache-max-size" or "cache-max-file" or "cache-compress":
                    break;
                default:
                    throw Api.ApiException.BadRequest($"unknown log opt '{key}' for json-file log driver");
            }
        }
        if (files > 1 && size == 0)
            throw Api.ApiException.BadRequest("max-file and/or compress without max-size has no effect");
        return new JsonFileOptions { MaxSize = size, MaxFiles = files };
    }
}

/// <summary>Writes one container's log. Thread-safe.</summary>
internal sealed class JsonFileLog : IDisposable
{
    /// <summary>A longer line is split into several entries, as Docker does.</summary>
    public const int MaxLineBytes = 16 * 1024;

    private readonly Lock _lock = new();
    private readonly JsonFileOptions _options;
    private readonly TimeProvider _clock;
    private readonly ArrayBufferWriter<byte> _encoded = new(4096);
    private readonly ArrayBufferWriter<byte>[] _partial = [new(), new()];
    private FileStream? _file;
    private long _size;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _running;

    /// <summary>The log at <paramref name="path"/>; the file is made with the first run.</summary>
    public JsonFileLog(string path, JsonFileOptions options, TimeProvider? clock = null)
    {
        Path = path;
        _options = options;
        _clock = clock ?? TimeProvider.System;
    }

    /// <summary>The current file.</summary>
    public string Path { get; }

    /// <summary>Counts rotations, so that a reader knows that its file is no longer the current one.</summary>
    public int Generation { get; private set; }

    /// <summary>Whether more may come.</summary>
    public bool Running
    {
        get
        {
            lock (_lock)
                return _running;
        }
    }

    /// <summary>Ends with the next change (entry, end of the run, rotation) after this call.</summary>
    public Task NextChange
    {
        get
        {
            lock (_lock)
                return _changed.Task;
        }
    }

    /// <summary>A run begins: the file is there from now on.</summary>
    public void Begin()
    {
        lock (_lock)
        {
            _running = true;
            Open();
        }
    }

    /// <summary>Takes what a stream wrote, whole lines or not.</summary>
    public void Write(StdStream stream, ReadOnlySpan<byte> data)
    {
        lock (_lock)
        {
            if (_file is null)
                Open();
            ArrayBufferWriter<byte> partial = _partial[stream == StdStream.Stderr ? 1 : 0];
            byte[] time = Encoding.ASCII.GetBytes(GoTime.Format(_clock.GetUtcNow()));
            ReadOnlySpan<byte> name = stream == StdStream.Stderr ? "stderr"u8 : "stdout"u8;
            while (!data.IsEmpty)
            {
                int newline = data.IndexOf((byte)'\n');
                int take = newline < 0 ? data.Length : newline + 1;
                int room = MaxLineBytes - partial.WrittenCount;
                bool full = take > room && !(newline >= 0 && newline == room);
                if (full)
                    take = room;
                ReadOnlySpan<byte> line = data[..take];
                data = data[take..];
                if (!full && newline < 0)
                {
                    partial.Write(line);
                    break;
                }
                if (partial.WrittenCount > 0)
                {
                    partial.Write(line);
                    line = partial.WrittenSpan;
                }
                JsonLogLine.Write(_encoded, line, name, time);
                partial.ResetWrittenCount();
            }
            Flush();
        }
    }

    /// <summary>The run is over: what had no newline yet is written as it is, and followers end.</summary>
    public void End()
    {
        lock (_lock)
        {
            byte[] time = Encoding.ASCII.GetBytes(GoTime.Format(_clock.GetUtcNow()));
            for (int i = 0; i < _partial.Length; i++)
            {
                if (_partial[i].WrittenCount == 0)
                    continue;
                JsonLogLine.Write(_encoded, _partial[i].WrittenSpan, i == 1 ? "stderr"u8 : "stdout"u8, time);
                _partial[i].ResetWrittenCount();
            }
            Flush();
            _running = false;
            _file?.Dispose();
            _file = null;
            Signal();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => End();

    /// <summary>Files from the oldest to the current one.</summary>
    public IReadOnlyList<string> Files()
    {
        List<string> files = [];
        for (int i = _options.MaxFiles - 1; i > 0; i--)
        {
            string path = $"{Path}.{i.ToString(CultureInfo.InvariantCulture)}";
            if (File.Exists(path))
                files.Add(path);
        }
        files.Add(Path);
        return files;
    }

    private void Open()
    {
        _file?.Dispose();
        _file = new FileStream(Path, new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
        });
        _size = _file.Length;
    }

    private void Flush()
    {
        if (_encoded.WrittenCount == 0)
            return;
        if (_options.MaxSize > 0 && _size > 0 && _size + _encoded.WrittenCount > _options.MaxSize)
            Rotate();
        try
        {
            _file?.Write(_encoded.WrittenSpan);
            _size += _encoded.WrittenCount;
        }
        catch (IOException)
        {
            // A full disk must not stop the container: these entries are lost, as with Docker.
            _size = _file?.Length ?? 0;
        }
        _encoded.ResetWrittenCount();
        if (_encoded.Capacity > 256 * 1024)
            _encoded.Clear();
        Signal();
    }

    private void Rotate()
    {
        _file?.Dispose();
        if (_options.MaxFiles < 2)
        {
            File.Delete(Path);
        }
        else
        {
            for (int i = _options.MaxFiles - 1; i > 0; i--)
            {
                string from = i == 1 ? Path : $"{Path}.{(i - 1).ToString(CultureInfo.InvariantCulture)}";
                if (File.Exists(from))
                    File.Move(from, $"{Path}.{i.ToString(CultureInfo.InvariantCulture)}", overwrite: true);
            }
        }
        Generation++;
        Open();
    }

    private void Signal()
    {
        TaskCompletionSource changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.TrySetResult();
    }
}
