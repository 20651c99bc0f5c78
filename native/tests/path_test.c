/* Paths of an image never lead out of its root. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../launcher/child.h"
#include "harness.h"

static char dir[] = "/tmp/aot-paths-XXXXXX";

static int exists(const char *relative)
{
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, relative);
    return lstat(path, &st) == 0;
}

static void link_to(const char *target, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (symlink(target, path) < 0)
        abort();
}

static void opening(void)
{
    test_name = "an absolute link stays inside";
    link_to("/etc", "etc-link");
    CHECK(root_open("/etc-link/passwd", O_PATH) < 0 && errno == ENOENT, "errno %d", errno);

    test_name = "dots stay inside";
    CHECK(root_open("../../../../etc/passwd", O_PATH) < 0 && errno == ENOENT, "errno %d", errno);
    link_to("../../../../../../etc/passwd", "climb");
    CHECK(root_open("climb", O_PATH) < 0 && errno == ENOENT, "errno %d", errno);

    test_name = "what is opened plainly is where its path says";
    CHECK(root_open_plain("/etc-link/passwd", O_PATH) < 0 && errno == ELOOP, "errno %d", errno);
    CHECK(root_open_plain("/etc-link", O_PATH) < 0 && errno == ELOOP, "errno %d", errno);
    /* man 2 openat2: then the link itself is what is opened. */
    struct stat st;
    int link = root_open_plain("/etc-link", O_PATH | O_NOFOLLOW);
    CHECK(link >= 0 && fstat(link, &st) == 0 && S_ISLNK(st.st_mode), "errno %d", errno);
    close(link);
    CHECK(root_open_plain("/nothing", O_PATH) < 0 && errno == ENOENT, "errno %d", errno);

    test_name = "clean paths";
    static const char *const clean[] = { "/a", "/a/b", "/...", "/.a/..b" };
    static const char *const others[] = { "", "a", "/", "//a", "/a/", "/a//b", "/.", "/a/./b", "/..", "/a/..", "/a/../b" };
    for (size_t i = 0; i < sizeof clean / sizeof *clean; i++)
        CHECK(path_is_clean(clean[i]), "%s", clean[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK(!path_is_clean(others[i]), "%s", others[i]);

    test_name = "a magic link is refused";
    int saved = self.root;
    self.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(root_open("/proc/self/exe", O_PATH) < 0 && errno == ELOOP, "errno %d", errno);
    close(self.root);
    self.root = saved;
}

static void making(void)
{
    test_name = "directories are made";
    int fd = root_mkdirs("/a/b//c/./d", 0755);
    CHECK(fd >= 0 && exists("a/b/c/d"), "errno %d", errno);
    close(fd);

    test_name = "below a link they are made inside";
    link_to("/a", "to-a");
    fd = root_mkdirs("/to-a/x/y", 0755);
    CHECK(fd >= 0 && exists("a/x/y"), "errno %d", errno);
    close(fd);

    test_name = "not through a link that leads nowhere";
    link_to("/outside-of-nothing", "dangling");
    fd = root_mkdirs("/dangling/z", 0755);
    CHECK(fd < 0, "fd %d", fd);
    CHECK(access("/outside-of-nothing", F_OK) < 0, "made outside");

    test_name = "dots after what is missing are refused";
    fd = root_mkdirs("/new/../../escape", 0755);
    CHECK(fd < 0, "fd %d", fd);

    test_name = "the parent and the last name";
    char name[NAME_MAX + 1];
    fd = root_parent("/p/q/file", 0755, name);
    CHECK(fd >= 0 && strcmp(name, "file") == 0 && exists("p/q"), "%s", name);
    close(fd);
    CHECK(root_parent("/p/..", 0755, name) < 0 && errno == EINVAL, "errno %d", errno);
    CHECK(root_parent("/", 0755, name) < 0 && errno == EINVAL, "errno %d", errno);

    test_name = "a name that is too long";
    char path[NAME_MAX + 8];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    CHECK(root_parent(path, 0755, name) < 0 && errno == ENAMETOOLONG, "errno %d", errno);
}

static void copying(void)
{
    test_name = "tmpcopyup copies files, links and modes";
    char command[512];
    snprintf(command, sizeof command,
             "cd %s && mkdir -p from/d to && echo hi > from/d/f && chmod 4750 from/d/f && ln -s d/f from/l && mkfifo from/p", dir);
    if (system(command) != 0)
        abort();
    int from = openat(self.root, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to = openat(self.root, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char at[PATH_MAX];
    CHECK(copy_tree(from, to, at) == 0, "at %s", at);
    struct stat st;
    CHECK(fstatat(to, "d/f", &st, 0) == 0 && (st.st_mode & 07777) == 04750 && st.st_size == 3, "mode %o", st.st_mode);
    CHECK(fstatat(to, "l", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode), "link");
    CHECK(fstatat(to, "p", &st, 0) == 0 && S_ISFIFO(st.st_mode), "fifo");

    test_name = "tmpcopyup names what is in the way";
    lseek(from, 0, SEEK_SET);
    CHECK(copy_tree(from, to, at) == EEXIST && at[0], "at %s", at);
    close(from);
    close(to);
}

void test_paths(void)
{
    if (!mkdtemp(dir))
        abort();
    self.root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    opening();
    making();
    copying();
    close(self.root);
    self.root = -1;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    if (system(command) != 0)
        abort();
}
