/*
 * Every class with static fields of the whole program has an object that holds them, three and a half thousand of them; the runtime makes them
 * all at each start, one by one on the heap of pinned objects. That heap has no allocation contexts: each object goes the long way of a large
 * one, some 900 instructions, which was more than half of all that `runc run` executed. Here one block is asked for, and cut into the objects;
 * and when the runtime asks for the first of them, all others of its table are made too, which it then passes over as done.
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
    /* HNDTYPE_STRONG, as well. */
    STRONG = 2,
    BLOCK = 64 * 1024,
    /* Of an array's object: the header before it, its type, its length. */
    ARRAY = 3 * sizeof(void *),
    /* Of any object: the header before it, its type. */
    HEADER = 2 * sizeof(void *),
};

/* The beginning of the runtime's MethodTable, as every allocation of compiled code reads it. */
struct type {
    uint32_t flags;
    uint32_t base_size; /* in bytes, the object's header included */
};

struct object {
    const struct type *type;
    uint64_t length; /* of free room, in bytes beyond ARRAY; of an array, in elements */
};

/* The runtime's type of free room: an array of bytes. */
extern const struct type *g_pFreeObjectEEType;
extern const struct type array_of_objects __asm__("\"_ZTV15__Array<Object>\"");

/* ReadyToRunHeader and ModuleInfoRow, as the runtime's ModuleHeaders.h has them: the compiled program's sections. */
struct section {
    int32_t id, flags;
    const int32_t *start, *end;
};
struct header {
    uint32_t signature;
    uint16_t major, minor;
    uint32_t flags;
    uint16_t sections;
    uint8_t entry_size, entry_type;
    struct section section[];
};
extern const struct header __ReadyToRunHeader;

/*
 * A relative pointer for each class, to the place where the address of its object comes. There lie, until then, a relative pointer to the
 * object's type with the two lowest bits for flags, and one to the values of its fields. (InitializeStatics of the runtime's StartupCodeHelpers.)
 */
extern const int32_t __GCStaticRegion[];
enum { UNINITIALISED = 1, WITH_VALUES = 2, FLAGS = 3 };

void RhAllocateNewArray(const struct type *type, uint32_t length, uint32_t flags, struct object **result);
void *RhpHandleAlloc(struct object *object, int type);
void __real_RhAllocateNewObject(const struct type *type, uint32_t flags, struct object **result);
int __real___managed__Main(int argc, char **argv);

static bool in_main;
static char *room;
static size_t left;

int __wrap___managed__Main(int argc, char **argv)
{
    in_main = true;
    return __real___managed__Main(argc, argv);
}

static size_t size_of(const struct type *type)
{
    return (type->base_size + sizeof(void *) - 1) & -sizeof(void *);
}

/* What is left is an object of its own again. */
static void close_room(void)
{
    if (room == NULL)
        return;
    ((struct object *)room)->type = g_pFreeObjectEEType;
    ((struct object *)room)->length = left - ARRAY;
}

/* Until close_room: no collection may begin. NULL where memory is short. */
static inline struct object *cut(const struct type *type, size_t size)
{
    if (size + ARRAY > left) {
        struct object *block = NULL;
        close_room();
        RhAllocateNewArray(g_pFreeObjectEEType, BLOCK - ARRAY, PINNED, &block);
        if (block == NULL)
            return NULL;
        room = (char *)block;
        left = BLOCK;
    }
    struct object *object = (struct object *)room;
    room += size;
    left -= size;
    /* All else was zeroed when the block was made. */
    object->type = type;
    object->length = 0;
    return object;
}

static void *pointed(const int32_t *relative)
{
    return (char *)relative + *relative;
}

/* All objects of the table but the first, which the caller is about to make. A pinned array keeps them, as the runtime's own would. */
static void make_others(const struct type *first)
{
    const int32_t *class = __GCStaticRegion, *end = NULL;
    for (int i = 0; i < __ReadyToRunHeader.sections; i++)
        if (__ReadyToRunHeader.section[i].start == class)
            end = __ReadyToRunHeader.section[i].end;
    if (end == NULL || end - class < 2 || ((uintptr_t)pointed(pointed(class)) & ~(uintptr_t)FLAGS) != (uintptr_t)first)
        return;
    struct object *keeper = NULL;
    RhAllocateNewArray(&array_of_objects, end - class, PINNED, &keeper);
    if (keeper == NULL || RhpHandleAlloc(keeper, STRONG) == NULL)
        return;
    struct object **kept = (struct object **)(keeper + 1);
    while (++class < end) {
        int32_t *place = pointed(class);
        uintptr_t tagged = (uintptr_t)pointed(place);
        const struct type *type = (const struct type *)(tagged & ~(uintptr_t)FLAGS);
        size_t size = tagged & UNINITIALISED ? size_of(type) : BLOCK;
        if (size > BLOCK - ARRAY)
            continue;
        struct object *object = cut(type, size);
        if (object == NULL)
            break;
        if (tagged & WITH_VALUES) {
            /* References to objects of the file, which is no part of the heap: the collector need not be told of them. */
            const uint64_t *value = pointed(place + 1);
            uint64_t *field = &object->length;
            for (size_t n = (size - HEADER) / sizeof *field; n > 0; n--)
                *field++ = *value++;
        }
        *kept++ = object;
        *(struct object **)place = object;
    }
    close_room();
}

void __wrap_RhAllocateNewObject(const struct type *type, uint32_t flags, struct object **result)
{
    size_t size = size_of(type);
    if (in_main || flags != PINNED || size > BLOCK - ARRAY) {
        __real_RhAllocateNewObject(type, flags, result);
        return;
    }
    if (room == NULL)
        make_others(type);
    *result = cut(type, size);
    close_room();
}
