/*
 * Every class with static fields of the whole program has an object that holds them, four and a half thousand of them; the runtime makes them
 * all at each start, one by one on the heap of pinned objects. That heap has no allocation contexts: each object goes the long way of a large
 * one, some 900 instructions, which was more than half of all that `runc run` executed. Here one block is asked for, and cut into the objects.
 *
 * The block is an object of the runtime's own kind for free room, which its collector passes over. What is not used yet always is such an
 * object again, so the heap can be walked from object to object at any time, as a collection does it. Cutting needs that no other thread runs
 * managed code: it ends where __managed__Main begins, until which there is none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* GC_ALLOC_PINNED_OBJECT_HEAP of the runtime's gcinterface.h. */
    PINNED = 0x40,
    BLOCK = 64 * 1024,
    /* Of an array's object: the header before it, its type, its length. */
    ARRAY = 3 * sizeof(void *),
};

/* The beginning of the runtime's MethodTable, as every allocation of compiled code reads it. */
struct type {
    uint32_t flags;
    uint32_t base_size; /* in bytes, the object's header included */
};

struct object {
    const struct type *type;
    uint64_t length; /* of free room, in bytes beyond ARRAY */
};

/* The runtime's type of free room: an array of bytes. */
extern const struct type *g_pFreeObjectEEType;

void RhAllocateNewArray(const struct type *type, uint32_t length, uint32_t flags, struct object **result);
void __real_RhAllocateNewObject(const struct type *type, uint32_t flags, struct object **result);
int __real___managed__Main(int argc, char **argv);

static bool in_main;
static struct object *room;
static size_t left;

int __wrap___managed__Main(int argc, char **argv)
{
    in_main = true;
    return __real___managed__Main(argc, argv);
}

void __wrap_RhAllocateNewObject(const struct type *type, uint32_t flags, struct object **result)
{
    size_t size = (type->base_size + sizeof(void *) - 1) & -sizeof(void *);
    if (in_main || flags != PINNED || size > BLOCK - ARRAY) {
        __real_RhAllocateNewObject(type, flags, result);
        return;
    }
    if (size + ARRAY > left) {
        struct object *block = NULL;
        RhAllocateNewArray(g_pFreeObjectEEType, BLOCK - ARRAY, PINNED, &block);
        if (block == NULL) {
            *result = NULL;
            return;
        }
        room = block;
        left = BLOCK;
    }
    struct object *object = room;
    left -= size;
    room = (struct object *)((char *)object + size);
    room->type = g_pFreeObjectEEType;
    room->length = left - ARRAY;
    /* The room was zeroed when the block was made, but for its own two members. */
    object->length = 0;
    object->type = type;
    *result = object;
}
