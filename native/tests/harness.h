/* A small test harness: CHECK counts, TEST names, main prints the summary. */
#ifndef AOT_TEST_HARNESS_H
#define AOT_TEST_HARNESS_H

#include <stdio.h>

extern int tests_passed, tests_failed;
extern const char *test_name;

#define CHECK(condition, ...)                                                   \
    do {                                                                        \
        if (condition) {                                                        \
            tests_passed++;                                                     \
        } else {                                                                \
            tests_failed++;                                                     \
            fprintf(stderr, "FAIL %s (%s:%d): %s: ", test_name, __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                                       \
            fputc('\n', stderr);                                                \
        }                                                                       \
    } while (0)

void test_plans(void);
void test_stages(void);
void test_early(void);
void test_paths(void);
void test_spawn(void);
void test_sha2(void);
void test_tls_commands(void);

#endif
