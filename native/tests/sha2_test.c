/* SHA-2 is computed by the instructions that the processor has; what it computes, the managed side's tests compare with the framework's. */
#include <cpuid.h>
#include <string.h>

#include "../digest/sha2.h"
#include "harness.h"

/* libcrypto's answers of CPUID: leaf 1's EDX and ECX, leaf 7's EBX and ECX. */
extern unsigned OPENSSL_ia32cap_P[4];

enum { AVX2 = 1 << 5, SHA = 1 << 29 };

void test_sha2(void)
{
    /* FIPS 180-4's example of one block. */
    static const uint8_t abc[] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    };
    unsigned eax, ebx = 0, ecx, edx;
    uint8_t hash[SHA256_DIGEST_LENGTH];
    union aot_sha2_state state;

    test_name = "a start does not look at the processor for SHA-2";
    CHECK(OPENSSL_ia32cap_P[0] == 0, "%#x", OPENSSL_ia32cap_P[0]);

    test_name = "the first digest does, and finds the instructions for it";
    aot_sha2_begin(&state, SHA2_256);
    __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx);
    CHECK(OPENSSL_ia32cap_P[0] != 0, "nothing was found");
    CHECK((OPENSSL_ia32cap_P[2] & SHA) == (ebx & SHA), "%#x, the processor says %#x", OPENSSL_ia32cap_P[2], ebx);
    /* AVX2 is there only where the kernel keeps its registers too. */
    CHECK(!__builtin_cpu_supports("avx2") || (OPENSSL_ia32cap_P[2] & AVX2), "%#x", OPENSSL_ia32cap_P[2]);

    test_name = "a hash leaves the state as it was";
    aot_sha2_add(&state, SHA2_256, "a", 1);
    aot_sha2_hash(&state, SHA2_256, hash);
    aot_sha2_add(&state, SHA2_256, "bc", 2);
    aot_sha2_hash(&state, SHA2_256, hash);
    CHECK(memcmp(hash, abc, sizeof abc) == 0, "%02x%02x…", hash[0], hash[1]);
}
