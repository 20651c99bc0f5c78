/* SHA-256, SHA-384 and SHA-512 by OpenSSL's own code: the few members of libcrypto.a that compute them (native/Makefile) are all that is linked. */
#include <pthread.h>

#include "sha2.h"

/* libcrypto's, in none of its public headers. */
void OPENSSL_cpuid_setup(void);

/*
 * Which instructions there are. The library would ask in every start of the program; here it is the first digest that does, since each question
 * costs microseconds in a virtual machine, and most processes compute none.
 */
static pthread_once_t processor_known = PTHREAD_ONCE_INIT;

AOT_EXPORT void aot_sha2_begin(union aot_sha2_state *state, int32_t algorithm)
{
    pthread_once(&processor_known, OPENSSL_cpuid_setup);
    switch (algorithm) {
    case SHA2_384: SHA384_Init(&state->wide); break;
    case SHA2_512: SHA512_Init(&state->wide); break;
    default: SHA256_Init(&state->narrow); break;
    }
}

AOT_EXPORT void aot_sha2_add(union aot_sha2_state *state, int32_t algorithm, const void *data, size_t size)
{
    if (algorithm == SHA2_256)
        SHA256_Update(&state->narrow, data, size);
    else
        SHA512_Update(&state->wide, data, size);
}

AOT_EXPORT void aot_sha2_hash(const union aot_sha2_state *state, int32_t algorithm, uint8_t *hash)
{
    union aot_sha2_state copy = *state;
    /* SHA-384 is SHA-512 from another beginning, and cut short: the state knows. */
    if (algorithm == SHA2_256)
        SHA256_Final(hash, &copy.narrow);
    else
        SHA512_Final(hash, &copy.wide);
}
