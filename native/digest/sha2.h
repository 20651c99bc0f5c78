/* SHA-2 as the managed side (src/Digests) asks for it. */
#ifndef AOT_SHA2_H
#define AOT_SHA2_H

#include <stddef.h>
#include <stdint.h>

#define OPENSSL_SUPPRESS_DEPRECATED /* the low-level functions, which alone need no provider, no allocation and no other library */
#include <openssl/sha.h>

#include "aot.h"

/* Sha2Algorithm has the same values. */
enum sha2_algorithm {
    SHA2_256,
    SHA2_384,
    SHA2_512,
};

/* A hash under way: no pointers, so that the managed side may keep it in memory that moves between the calls. */
union aot_sha2_state {
    SHA256_CTX narrow;
    SHA512_CTX wide;
};

/* Sha2State's size. */
_Static_assert(sizeof(union aot_sha2_state) == 27 * sizeof(uint64_t), "Sha2State is as large");

void aot_sha2_begin(union aot_sha2_state *state, int32_t algorithm);
void aot_sha2_add(union aot_sha2_state *state, int32_t algorithm, const void *data, size_t size);
/* The hash of what was added until now, 32, 48 or 64 bytes; the state is left as it is. */
void aot_sha2_hash(const union aot_sha2_state *state, int32_t algorithm, uint8_t *hash);

#endif
