/*
 * tls-helper: speaks TLS for the program that started it, which is linked statically and so cannot load OpenSSL itself. It gets the sockets of
 * connections, and gives back for each one end of a socket pair that carries the plain text. What a stranger sends is parsed here, in a process
 * without capabilities, and not in the daemon.
 */
#ifndef AOT_TLS_H
#define AOT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

/* The descriptors that it is started with, besides the three standard ones. */
enum { CONTROL_FD = 3, OWN_FILE_FD = 4 };

enum {
    MAX_COMMAND = 64 * 1024,
    MAX_NAME = 255,             /* RFC 1035 §2.3.4 */
    MAX_PATH = 4095,            /* PATH_MAX of limits.h, without its NUL */
    MAX_AUTHORITIES = 64,
    MAX_PAIRS = 16,
    MAX_PROTOCOLS = 256,        /* octets of the list as ALPN sends it */
    MAX_PEM_BYTES = 16 << 20,
    MAX_CONTEXTS = 64,          /* of different settings that are kept */
    MAX_CONNECTIONS = 4096,
    MAX_ERROR = 1024,
    RECORD = 16 * 1024,         /* RFC 8446 §5.1: the most that a record carries */
    THREAD_STACK = 256 * 1024,
    PART_MS = 1000,             /* how long a peer has to take the reason of a refusal */
    LINGER_MS = 30 * 1000,      /* how long a peer may take nothing of what was left for it */
    END_MS = 5 * 1000,          /* the same once our parent is gone */
};

/* What is asked: a command's first octet. The second says who is trusted. Fields follow, see command.c. */
enum what { CONNECT = 1, ACCEPT = 2, CHECK_CLIENT = 3, CHECK_SERVER = 4 };

/* Of a server: whether clients must have a certificate of the given authorities (TRUST_FILES), or none is asked for (TRUST_ANYBODY). */
enum trust { TRUST_ANYBODY = 0, TRUST_SYSTEM = 1, TRUST_FILES = 2, TRUST_BOTH = 3 };

/* The strings lie in the message. */
struct command {
    enum what what;
    enum trust trust;
    const char *name;
    int authority_count, pair_count;
    const char *authorities[MAX_AUTHORITIES];
    const char *certificates[MAX_PAIRS], *keys[MAX_PAIRS];
    uint8_t protocols[MAX_PROTOCOLS];
    size_t protocols_length;
    const uint8_t *settings; /* all but the name: equal settings share a context */
    size_t settings_length;
};

static inline bool is_server(const struct command *c)
{
    return c->what == ACCEPT || c->what == CHECK_SERVER;
}

bool parse_command(const uint8_t *message, size_t length, struct command *command);

/* A context for the settings, to be freed; or NULL, and why not. */
SSL_CTX *context_for(const struct command *command, char error[MAX_ERROR]);

/* Serves one connection to its end, and closes both descriptors. */
void run_connection(const struct command *command, int tcp, int pair);

/* The first message on a pair: whether it went well, and the version and protocol, or the reason. */
enum result { RESULT_OK = 1, RESULT_ERROR = 2 };
void send_result(int pair, enum result result, const char *text);

/* Errors, in the words of Go's crypto/tls and crypto/x509: tools look for them. */
void explain(char error[MAX_ERROR], const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *errno_text(int number);
void explain_certificate(char error[MAX_ERROR], X509_STORE_CTX *chain, const char *host);
void explain_failure(char error[MAX_ERROR], int ssl_error, int number);

#endif
