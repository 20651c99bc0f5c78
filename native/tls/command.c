/*
 * A command is one message:
 *
 *     what (1)  trust (1)  { tag (1)  length (2, as the processor has it)  text (length, the last a NUL) } …
 *
 * The name comes first where there is one, a key after its certificate.
 */
#include <string.h>

#include "tls.h"

enum tag { TAG_NAME = 1, TAG_PROTOCOL = 2, TAG_AUTHORITY = 3, TAG_CERTIFICATE = 4, TAG_KEY = 5 };

static bool add_protocol(struct command *c, const char *text, size_t length)
{
    /* RFC 7301 §3.1: each with its length before it. */
    if (length == 0 || length > 255 || c->protocols_length + 1 + length > MAX_PROTOCOLS)
        return false;
    c->protocols[c->protocols_length++] = (uint8_t)length;
    memcpy(c->protocols + c->protocols_length, text, length);
    c->protocols_length += length;
    return true;
}

static bool add_field(struct command *c, uint8_t tag, const char *text, size_t length, bool first, bool open_pair)
{
    switch (tag) {
    case TAG_NAME:
        c->name = text;
        return first && length > 0 && length <= MAX_NAME;
    case TAG_PROTOCOL:
        return add_protocol(c, text, length);
    case TAG_AUTHORITY:
        if (c->authority_count == MAX_AUTHORITIES || length > MAX_PATH)
            return false;
        c->authorities[c->authority_count++] = text;
        return true;
    case TAG_CERTIFICATE:
        if (open_pair || c->pair_count == MAX_PAIRS || length > MAX_PATH)
            return false;
        c->certificates[c->pair_count] = text;
        return true;
    case TAG_KEY:
        if (!open_pair || length > MAX_PATH)
            return false;
        c->keys[c->pair_count++] = text;
        return true;
    default:
        return false;
    }
}

bool parse_command(const uint8_t *message, size_t length, struct command *c)
{
    *c = (struct command){ 0 };
    if (length < 2 || length > MAX_COMMAND || message[0] < CONNECT || message[0] > CHECK_SERVER || message[1] > TRUST_BOTH)
        return false;
    c->what = message[0];
    c->trust = message[1];
    size_t at = 2, settings = 2;
    bool open_pair = false;
    while (at < length) {
        uint16_t size;
        if (length - at < 1 + sizeof size)
            return false;
        uint8_t tag = message[at];
        memcpy(&size, message + at + 1, sizeof size);
        const char *text = (const char *)message + at + 1 + sizeof size;
        if (size == 0 || size > length - at - 1 - sizeof size || memchr(text, 0, size) != text + size - 1)
            return false;
        if (!add_field(c, tag, text, size - 1, at == 2, open_pair))
            return false;
        open_pair = tag == TAG_CERTIFICATE;
        at += 1 + sizeof size + size;
        if (tag == TAG_NAME)
            settings = at;
    }
    c->settings = message + settings;
    c->settings_length = length - settings;
    return !open_pair;
}
