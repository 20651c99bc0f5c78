using System.Formats.Tar;
using System.Text.Json.Nodes;

namespace AotRuntime.Tests.Functional.Harness;

/// <summary>The images that tests run on, made on first use from what is on the machine.</summary>
internal static class TestImages
{
    private static readonly Lock s_gate = new();
    private static TempDir? s_dir;

    /// <summary>A folder with one layout per repository: hello-world, busybox, quirks.</summary>
    public static string Root
    {
        get
        {
            lock (s_gate)
            {
                if (s_dir is null)
                {
                    s_dir = new TempDir();
                    TempDir dir = s_dir;
                    AppDomain.CurrentDomain.ProcessExit += (_, _) => dir.Dispose();
                    new Command("cp", "-r", Path.Combine(Programs.Images, "hello-world"), dir.File("hello-world")).Run().Succeeded();
                    Busybox(dir.File("busybox"));
                    Quirks(dir.File("quirks"));
                }
                return s_dir.Path;
            }
        }
    }

    public static JsonObject ShellConfig(string path = "/bin") =>
        new() { ["Cmd"] = new JsonArray("sh"), ["Env"] = new JsonArray($"PATH={path}") };

    /// <summary>Busybox with its applets as hard links, a web page and two users.</summary>
    public static void Busybox(string path)
    {
        byte[] program = File.ReadAllBytes("/bin/busybox");
        string[] applets = new Command("/bin/busybox", "--list").Run().Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        ImageLayout layout = new(path);
        layout.Layer(tar =>
        {
            foreach (string dir in (string[])["bin", "dev", "etc", "home", "proc", "root", "sys", "usr", "usr/bin", "var", "var/www"])
                tar.Directory(dir + "/");
            tar.Directory("tmp/", Convert.ToInt32("1777", 8));
            tar.Add("bin/busybox", program, Convert.ToInt32("755", 8));
            foreach (string applet in applets.Where(a => a != "busybox"))
                tar.Link(TarEntryType.HardLink, "bin/" + applet, "bin/busybox");
            tar.Add("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n");
            tar.Add("etc/group", "root:x:0:\nnogroup:x:65534:\n");
            tar.Add("var/www/index.html", "hello from busybox\n");
        });
        layout.Finish(ShellConfig("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    }

    /// <summary>Three layers with all that an unpacker can get wrong.</summary>
    public static void Quirks(string path)
    {
        ImageLayout layout = new(path);
        layout.Layer(tar =>
        {
            tar.Directory("a/", Convert.ToInt32("750", 8), 1000, 1000);
            tar.Add("a/keep", "keep\n");
            tar.Add("a/gone", "gone\n");
            tar.Link(TarEntryType.HardLink, "a/hard", "a/keep");
            tar.Link(TarEntryType.SymbolicLink, "a/soft", "../a/keep");
            tar.Link(TarEntryType.SymbolicLink, "a/dangling", "/nowhere");
            tar.Directory("o/");
            tar.Add("o/one", "1");
            tar.Directory("o/sub/");
            tar.Add("o/sub/two", "2");
            tar.Add("n/" + new string('x', 120) + "/" + new string('y', 200), "long\n");
            tar.Add("n/naïve-文件-🐳", "ü");
            tar.Add("s/setuid", "#!x", Convert.ToInt32("4755", 8));
            tar.Directory("s/sticky/", Convert.ToInt32("1777", 8));
            // cap_net_bind_service=ep, as VFS_CAP_REVISION_2 stores it (man 7 capabilities).
            tar.Add("s/cap", "x"u8.ToArray(), Convert.ToInt32("755", 8), attributes: new()
            {
                ["SCHILY.xattr.security.capability"] = "\u0001\0\0\u0002\0\u0004\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            });
            tar.Special(TarEntryType.Fifo, "d/fifo", Convert.ToInt32("600", 8));
            tar.Special(TarEntryType.CharacterDevice, "d/null", Convert.ToInt32("666", 8), 1, 3);
            tar.Add("e/empty", "");
            tar.Add("e/zeros", new byte[3 << 20]);
            tar.Directory("replace-me/");
            tar.Add("replace-me/x", "x");
            tar.Add("was-file", "f");
            tar.Add("bin/busybox", File.ReadAllBytes("/bin/busybox"), Convert.ToInt32("755", 8));
            tar.Link(TarEntryType.SymbolicLink, "bin/sh", "busybox");
        });
        layout.Layer(tar =>
        {
            tar.Add("a/.wh.gone", "");
            tar.Add("o/.wh..wh..opq", "");
            tar.Add("o/three", "3");
            tar.Add("replace-me", "now a file\n");
            tar.Directory("was-file/");
            tar.Add("was-file/in", "i");
            tar.Add("./dot/../dot2/file", "clean me\n");
        });
        layout.Layer(tar =>
        {
            tar.Add("o/three", "33");
            tar.Add("a/gone", "back\n");
            tar.Add("a/hard", "own\n");
        });
        layout.Finish(ShellConfig());
    }
}
