namespace AotRuntime.Dockerd.Images;

/// <summary>One lock for each key in use: two pulls of one layer fetch it once.</summary>
internal sealed class KeyedLocks
{
    private readonly Dictionary<string, (SemaphoreSlim Gate, int Users)> _locks = [];

    /// <summary>Waits until nobody else holds <paramref name="key"/>; dispose what is returned to let it go.</summary>
    public async ValueTask<IDisposable> EnterAsync(string key, CancellationToken cancellationToken)
    {
        SemaphoreSlim gate;
        lock (_locks)
        {
            (SemaphoreSlim Gate, int Users) entry = _locks.TryGetValue(key, out (SemaphoreSlim, int) found) ? found : (new SemaphoreSlim(1), 0);
            gate = entry.Gate;
            _locks[key] = (gate, entry.Users + 1);
        }
        try
        {
            await gate.WaitAsync(cancellationToken).ConfigureAwait(false);
            return new Holder(this, key);
        }
        catch
        {
            Leave(key, held: false);
            throw;
        }
    }

    private void Leave(string key, bool held)
    {
        lock (_locks)
        {
            (SemaphoreSlim gate, int users) = _locks[key];
            if (held)
                gate.Release();
            if (users == 1)
                _locks.Remove(key);
            else
                _locks[key] = (gate, users - 1);
        }
    }

    private sealed class Holder(KeyedLocks locks, string key) : IDisposable
    {
        private bool _left;

        public void Dispose()
        {
            if (_left)
                return;
            _left = true;
            locks.Leave(key, held: true);
        }
    }
}
