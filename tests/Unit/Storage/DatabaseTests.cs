using System.Text;
using AotRuntime.Storage;

namespace AotRuntime.Tests.Unit.Storage;

public sealed class DatabaseTests : IDisposable
{
    private static readonly DatabaseOptions s_options = new() { Schema = ["CREATE TABLE t (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID"] };
    private readonly string _folder = Directory.CreateTempSubdirectory("aot-db-").FullName;

    private string File1 => Path.Combine(_folder, "meta.db");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void Put(Database db, string key, string value) => db.Write(s =>
    {
        using Statement put = s.Prepare("INSERT OR REPLACE INTO t VALUES (?1, ?2)");
        put.Bind(1, key).Bind(2, Encoding.UTF8.GetBytes(value)).Run();
    });

    private static string? Get(Database db, string key) => db.Read(s =>
    {
        using Statement get = s.Prepare("SELECT v FROM t WHERE k = ?1");
        return get.Bind(1, key).Step() ? Encoding.UTF8.GetString(get.Blob(0)) : null;
    });

    [Fact]
    public void WhatWasWritten_IsThereAfterReopening()
    {
        using (Database db = Database.Open(File1, s_options))
            Put(db, "a", "1");
        using Database again = Database.Open(File1, s_options);
        Assert.Equal("1", Get(again, "a"));
        Assert.Null(again.SetAside);
    }

    [Fact]
    public void AThrowingWrite_LeavesNothing()
    {
        using Database db = Database.Open(File1, s_options);
        Assert.Throws<InvalidOperationException>(() => db.Write(s =>
        {
            Put(db, "a", "1");
            throw new InvalidOperationException();
        }));
        Assert.Null(Get(db, "a"));
        Put(db, "b", "2");
        Assert.Equal("2", Get(db, "b"));
    }

    [Fact]
    public void EmptyBlobsAndNulls_AreKeptApart()
    {
        using Database db = Database.Open(File1, s_options);
        Put(db, "empty", "");
        Assert.Equal("", Get(db, "empty"));
        Assert.Null(Get(db, "none"));
    }

    [Theory]
    [InlineData(0)]      // the header
    [InlineData(4096)]   // a page
    public void ACorruptFile_IsSetAsideAndReported(int at)
    {
        using (Database db = Database.Open(File1, s_options))
        {
            for (int i = 0; i < 500; i++)
                Put(db, $"key{i}", new string('x', 100));
        }
        byte[] bytes = File.ReadAllBytes(File1);
        for (int i = at; i < at + 4096; i++)
            bytes[i] = 0xa5;
        File.WriteAllBytes(File1, bytes);

        using Database fresh = Database.Open(File1, s_options);
        Assert.NotNull(fresh.SetAside);
        Assert.NotNull(fresh.SetAsideReason);
        Assert.Equal(bytes, File.ReadAllBytes(fresh.SetAside));
        Put(fresh, "a", "1");
        Assert.Equal("1", Get(fresh, "a"));
    }

    [Fact]
    public void ANewerSchema_IsSetAside()
    {
        Database.Open(File1, new DatabaseOptions { Schema = [s_options.Schema[0], "CREATE TABLE u (x)"] }).Dispose();
        using Database db = Database.Open(File1, s_options);
        Assert.NotNull(db.SetAside);
    }

    [Fact]
    public void ADirectoryInItsPlace_IsSetAside()
    {
        Directory.CreateDirectory(File1);
        using Database db = Database.Open(File1, s_options);
        Assert.NotNull(db.SetAside);
        Put(db, "a", "1");
    }

    [Fact]
    public void AMissingFolder_IsAnError() =>
        Assert.Throws<StorageException>(() => Database.Open(Path.Combine(_folder, "none", "meta.db"), s_options));

    [Fact]
    public async Task WritersAndReaders_DoNotDisturbEachOther()
    {
        using Database db = Database.Open(File1, new DatabaseOptions { Schema = s_options.Schema, Durable = false });
        Put(db, "n", "0");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() =>
        {
            for (int j = 0; j < 50; j++)
            {
                db.Write(s =>
                {
                    using Statement get = s.Prepare("SELECT v FROM t WHERE k = 'n'");
                    Assert.True(get.Step());
                    int n = int.Parse(Encoding.UTF8.GetString(get.Blob(0)), System.Globalization.CultureInfo.InvariantCulture);
                    Put(db, "n", (n + 1).ToString(System.Globalization.CultureInfo.InvariantCulture));
                });
                Assert.NotNull(Get(db, "n"));
            }
        })));
        Assert.Equal("400", Get(db, "n"));
    }
}
