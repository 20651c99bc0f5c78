#include <unistd.h>

#include "harness.h"

int tests_passed, tests_failed;
const char *test_name = "";

int main(void)
{
    if (geteuid() != 0) {
        fprintf(stderr, "the launcher's tests need root\n");
        return 1;
    }
    test_plans();
    test_paths();
    test_spawn();
    test_stages();
    test_early();
    printf("%d passed, %d failed\n", tests_passed, tests_failed);
    return tests_failed != 0;
}
