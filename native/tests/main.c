#include <string.h>
#include <unistd.h>

#include "aot.h"
#include "harness.h"

int tests_passed, tests_failed;
const char *test_name = "";

_Noreturn void aot_join(const char *number);

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[0], AOT_JOINER_NAME) == 0)
        aot_join(argv[1]);
    if (geteuid() != 0) {
        fprintf(stderr, "the launcher's tests need root\n");
        return 1;
    }
    test_plans();
    test_paths();
    test_spawn();
    test_sha2();
    test_tls_commands();
    test_stages();
    test_early();
    printf("%d passed, %d failed\n", tests_passed, tests_failed);
    return tests_failed != 0;
}
