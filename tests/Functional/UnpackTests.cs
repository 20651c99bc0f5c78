using System.Reflection;

namespace AotRuntime.Tests.Functional;

/// <summary>
/// The tree that a container of the quirks image sees, against what Docker 28.5 makes of the same image with containerd's image store (driver
/// overlayfs, which is ours too). Its older store, overlay2, differs in one thing: a directory that a layer names only by what lies in it
/// loses owner and mode there.
/// </summary>
public class UnpackTests(StackFixture fixture) : IClassFixture<StackFixture>
{
    /// <summary>Prints each file's kind, mode, owner, size, device, links, time ("now" for what the tar does not date), link target and content; run inside the container.</summary>
    internal const string Listing =
        """
        cd /; find a o n s d e t replace-me was-file dot dot2 bin 2>/dev/null | busybox sort | while read -r f; do
          case $f in bin/*) time=- ;; *) time=$(busybox stat -c %Y "$f"); [ "$time" -gt 1750000000 ] && time=now ;; esac
          busybox stat -c "%n|%F|%a|%u:%g|%t,%T|%h|$time" "$f"
          if [ -L "$f" ]; then echo "  -> $(busybox readlink "$f")"
          elif [ -f "$f" ] && [ "$f" != bin/busybox ]; then echo "  $(busybox stat -c %s "$f") $(busybox sha256sum <"$f" | busybox cut -c1-16)"; fi
        done
        """;

    private readonly Stack _stack = fixture.Stack;

    [Fact]
    public void Every_entry_is_what_docker_makes_of_it()
    {
        string actual = _stack.Docker("run", "--rm", "--network", "none", "quirks", "busybox", "sh", "-c", "PATH=/bin; for a in find stat; do alias $a=\"busybox $a\"; done\n" + Listing).Succeeded().Output;
        using StreamReader golden = new(Assembly.GetExecutingAssembly().GetManifestResourceStream("quirks.txt")!);
        Assert.Equal(golden.ReadToEnd(), actual);
    }

    [Fact]
    public void A_file_capability_survives()
    {
        _stack.Docker("pull", "-q", "quirks").Succeeded();
        string snapshots = _stack.Dir.File("data/containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots");
        string file = Directory.EnumerateDirectories(snapshots).Select(d => d + "/fs/s/cap").Single(File.Exists);
        Assert.Contains("cap_net_bind_service=ep", new Command("getcap", file).Run().Succeeded().Output);
    }
}
