/* Commands to the TLS helper: lengths and texts that lie are refused, whatever comes after them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tls/tls.h"
#include "harness.h"

/* A block of exactly the message's size, so that a read past its end is seen. */
static bool parses(const void *message, size_t length, struct command *command)
{
    static uint8_t *last;
    free(last);
    last = malloc(length ? length : 1);
    memcpy(last, message, length);
    return parse_command(last, length, command);
}

static size_t add(uint8_t *to, size_t at, uint8_t tag, const char *text)
{
    uint16_t length = (uint16_t)(strlen(text) + 1);
    to[at] = tag;
    memcpy(to + at + 1, &length, sizeof length);
    memcpy(to + at + 3, text, length);
    return at + 3 + length;
}

static size_t whole(uint8_t *to)
{
    size_t at = 2;
    to[0] = CONNECT;
    to[1] = TRUST_BOTH;
    at = add(to, at, 1, "origin.test");
    at = add(to, at, 2, "h2");
    at = add(to, at, 2, "http/1.1");
    at = add(to, at, 3, "/ca.pem");
    at = add(to, at, 4, "/cert.pem");
    return add(to, at, 5, "/key.pem");
}

void test_tls_commands(void)
{
    uint8_t message[MAX_COMMAND + 1];
    struct command c;

    test_name = "a command is read";
    size_t length = whole(message);
    CHECK(parses(message, length, &c), "refused");
    CHECK(c.what == CONNECT && c.trust == TRUST_BOTH && strcmp(c.name, "origin.test") == 0, "%s", c.name);
    CHECK(c.protocols_length == 12 && memcmp(c.protocols, "\2h2\10http/1.1", 12) == 0, "%zu", c.protocols_length);
    CHECK(c.authority_count == 1 && strcmp(c.authorities[0], "/ca.pem") == 0, "%d", c.authority_count);
    CHECK(c.pair_count == 1 && strcmp(c.certificates[0], "/cert.pem") == 0 && strcmp(c.keys[0], "/key.pem") == 0, "%d", c.pair_count);

    test_name = "the name is no part of what contexts are kept by";
    CHECK(c.settings_length == length - 2 - 3 - sizeof "origin.test", "%zu", c.settings_length);

    test_name = "a command that is cut off is refused, but where a field ends";
    size_t ends = 0;
    for (size_t i = 0; i < length; i++)
        ends += parses(message, i, &c);
    CHECK(ends == 5, "%zu", ends); /* not after the certificate, whose key is missing */

    test_name = "any octet may lie";
    for (size_t i = 0; i < length; i++)
        for (int value = 0; value < 256; value++) {
            uint8_t was = message[i];
            message[i] = (uint8_t)value;
            if (parses(message, length, &c) && c.name)
                CHECK(strlen(c.name) < length, "%zu", i);
            message[i] = was;
        }

    test_name = "there are limits";
    memset(message, 0, sizeof message);
    message[0] = CHECK_CLIENT;
    CHECK(!parses(message, sizeof message, &c), "too long a message");
    size_t at = 2;
    for (int i = 0; i <= MAX_AUTHORITIES; i++)
        at = add(message, at, 3, "/a");
    CHECK(!parses(message, at, &c), "too many authorities");
    at = 2;
    for (int i = 0; i <= MAX_PAIRS; i++)
        at = add(message, add(message, at, 4, "/a"), 5, "/b");
    CHECK(!parses(message, at, &c), "too many pairs");
    at = 2;
    for (int i = 0; i < 30; i++)
        at = add(message, at, 2, "protocol");
    CHECK(!parses(message, at, &c), "too many protocols");
    char name[MAX_NAME + 2];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = 0;
    CHECK(!parses(message, add(message, 2, 1, name), &c), "too long a name");
    CHECK(!parses(message, add(message, add(message, 2, 2, "h2"), 1, "late"), &c), "a name that comes late");
}
