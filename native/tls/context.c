/* Settings made into OpenSSL's contexts, which are kept: to parse a system's authorities takes longer than a handshake. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "tls.h"

struct pair {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) *chain;
};

/* What a context needs beyond what OpenSSL keeps in it; freed with it. */
struct settings {
    int pair_count;
    struct pair pairs[MAX_PAIRS];
    size_t protocols_length;
    uint8_t protocols[MAX_PROTOCOLS];
};

/* A kept context, and what its files were when it was made. */
struct kept {
    SSL_CTX *context;
    uint64_t used;
    uint64_t stamp;
    size_t length;
    uint8_t *key;
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static struct kept all[MAX_CONTEXTS];
static uint64_t uses;
static int settings_index = -1;

/* Where distributions keep what they trust: the list of Go's crypto/x509. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
};

static void free_settings(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    struct settings *settings = pointer;
    if (!settings)
        return;
    for (int i = 0; i < settings->pair_count; i++) {
        X509_free(settings->pairs[i].leaf);
        EVP_PKEY_free(settings->pairs[i].key);
        sk_X509_pop_free(settings->pairs[i].chain, X509_free);
    }
    free(settings);
}

/* No terminal is here to ask for a password. */
static int no_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

/* A file to read PEM from; NULL, errno and the reason where there is none. */
static BIO *open_pem(const char *path, char error[MAX_ERROR])
{
    struct stat status;
    /* Without waiting for a writer, should it be a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        int number = errno;
        explain(error, "open %s: %s", path, errno_text(number));
        errno = number;
        return NULL;
    }
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > MAX_PEM_BYTES) {
        explain(error, S_ISDIR(status.st_mode) ? "read %s: is a directory" : "open %s: no file of certificates", path);
        close(fd);
        errno = EINVAL;
        return NULL;
    }
    FILE *file = fdopen(fd, "r");
    BIO *bio = file ? BIO_new_fp(file, BIO_CLOSE) : NULL;
    if (!bio) {
        if (file)
            fclose(file);
        else
            close(fd);
        explain(error, "out of memory");
        errno = ENOMEM;
    }
    return bio;
}

/* False and errno where a file is missing or says nothing of use. */
static bool read_pair(struct pair *pair, const char *certificate, const char *key, char error[MAX_ERROR])
{
    errno = 0;
    BIO *bio = open_pem(certificate, error);
    if (!bio)
        return false;
    pair->leaf = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
    pair->chain = sk_X509_new_null();
    for (X509 *next; pair->leaf && pair->chain && (next = PEM_read_bio_X509(bio, NULL, no_password, NULL));)
        if (!sk_X509_push(pair->chain, next)) {
            X509_free(next);
            break;
        }
    BIO_free(bio);
    ERR_clear_error();

    bio = open_pem(key, error);
    if (!bio)
        return false;
    pair->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    errno = EINVAL;
    if (!pair->leaf || !pair->chain)
        explain(error, "tls: failed to find any PEM data in certificate input");
    else if (!pair->key)
        explain(error, "tls: failed to parse private key");
    else if (X509_check_private_key(pair->leaf, pair->key) != 1)
        explain(error, "tls: private key does not match public key");
    else
        return true;
    return false;
}

/* Of a server, in the words of Docker's tlsconfig. */
static bool load_pair(const struct command *c, int i, struct pair *pair, char error[MAX_ERROR])
{
    char why[MAX_ERROR];
    if (read_pair(pair, c->certificates[i], c->keys[i], why))
        return true;
    const char *form = !is_server(c) ? NULL
        : errno == ENOENT || errno == ENOTDIR ? "could not load X509 key pair"
        : "error reading X509 key pair - make sure the key is not encrypted";
    if (form)
        explain(error, "%s (cert: \"%s\", key: \"%s\"): %s", form, c->certificates[i], c->keys[i], why);
    else
        explain(error, "%s", why);
    return false;
}

static int count_authorities(X509_STORE *store, BIO *bio)
{
    int count = 0;
    for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, no_password, NULL)); count++) {
        X509_STORE_add_cert(store, next);
        X509_free(next);
    }
    ERR_clear_error();
    return count;
}

static bool load_authority(const struct command *c, X509_STORE *store, const char *path, char error[MAX_ERROR])
{
    char why[MAX_ERROR];
    BIO *bio = open_pem(path, why);
    if (!bio) {
        if (is_server(c))
            explain(error, "could not read CA certificate \"%s\": %s", path, why);
        else
            explain(error, "%s", why);
        return false;
    }
    int count = count_authorities(store, bio);
    BIO_free(bio);
    /* Besides the system's an empty file adds nothing; alone, it would leave nobody to be trusted. */
    if (count > 0 || c->trust == TRUST_BOTH)
        return true;
    explain(error, "failed to append certificates from PEM file: \"%s\"", path);
    return false;
}

/* Whether a folder has names that OpenSSL looks authorities up by (man 1 openssl-rehash): XXXXXXXX.N. */
static bool is_hashed(const char *folder)
{
    DIR *entries = opendir(folder);
    bool found = false;
    for (struct dirent *e; entries && !found && (e = readdir(entries));) {
        size_t digits = strspn(e->d_name, "0123456789abcdef");
        found = digits == 8 && e->d_name[8] == '.' && isdigit((unsigned char)e->d_name[9]);
    }
    if (entries)
        closedir(entries);
    return found;
}

/* OpenSSL's own places, which SSL_CERT_FILE and SSL_CERT_DIR move; where they have nothing, the first bundle that Go would take. */
static void trust_system(X509_STORE *store)
{
    X509_STORE_set_default_paths(store);
    ERR_clear_error();
    if (getenv(X509_get_default_cert_file_env()) || getenv(X509_get_default_cert_dir_env()))
        return;
    if (access(X509_get_default_cert_file(), R_OK) == 0 || is_hashed(X509_get_default_cert_dir()))
        return;
    for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++) {
        char why[MAX_ERROR];
        BIO *bio = open_pem(bundles[i], why);
        if (!bio)
            continue;
        int count = count_authorities(store, bio);
        BIO_free(bio);
        if (count > 0)
            return;
    }
}

/* RFC 7301 §3.2: the server's preference counts, and "no_application_protocol" is fatal. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *offered, unsigned int offered_length, void *context)
{
    (void)ssl;
    struct settings *settings = context;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, length, settings->protocols, (unsigned int)settings->protocols_length, offered, offered_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool is_issued_by(const struct pair *pair, const STACK_OF(X509_NAME) *authorities)
{
    for (int i = 0; i < sk_X509_NAME_num(authorities); i++) {
        X509_NAME *name = sk_X509_NAME_value(authorities, i);
        if (X509_NAME_cmp(X509_get_issuer_name(pair->leaf), name) == 0)
            return true;
        for (int j = 0; j < sk_X509_num(pair->chain); j++)
            if (X509_NAME_cmp(X509_get_issuer_name(sk_X509_value(pair->chain, j)), name) == 0)
                return true;
    }
    return false;
}

/* A client with several certificates shows the first that the server's authorities have issued (RFC 8446 §4.2.4). */
static int choose_pair(SSL *ssl, void *context)
{
    struct settings *settings = context;
    const STACK_OF(X509_NAME) *authorities = SSL_get0_peer_CA_list(ssl);
    for (int i = 0; i < settings->pair_count; i++) {
        struct pair *pair = &settings->pairs[i];
        if (sk_X509_NAME_num(authorities) <= 0 || is_issued_by(pair, authorities))
            return SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain, 1);
    }
    return 1;
}

static bool show(SSL_CTX *context, struct settings *settings, const struct command *c, char error[MAX_ERROR])
{
    for (int i = 0; i < c->pair_count; i++) {
        settings->pair_count++;
        if (!load_pair(c, i, &settings->pairs[i], error))
            return false;
    }
    if (settings->pair_count == 1) {
        struct pair *pair = &settings->pairs[0];
        if (SSL_CTX_use_cert_and_key(context, pair->leaf, pair->key, pair->chain, 1) == 1)
            return true;
        explain(error, "tls: %s", ERR_reason_error_string(ERR_peek_error()));
        return false;
    }
    if (settings->pair_count > 1)
        SSL_CTX_set_cert_cb(context, choose_pair, settings);
    return true;
}

static bool trust(SSL_CTX *context, const struct command *c, char error[MAX_ERROR])
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    if (c->trust == TRUST_SYSTEM || c->trust == TRUST_BOTH)
        trust_system(store);
    for (int i = 0; i < c->authority_count; i++)
        if (!load_authority(c, store, c->authorities[i], error))
            return false;
    if (c->trust == TRUST_ANYBODY)
        return true;
    /* As in Go's pools, whoever is in the list is trusted, whoever has signed that. */
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    /* The verification by itself asks for the other side's purpose: serverAuth or clientAuth of RFC 5280 §4.2.1.12. */
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    for (int i = 0; is_server(c) && i < c->authority_count; i++)
        SSL_add_file_cert_subjects_to_stack(SSL_CTX_get_client_CA_list(context), c->authorities[i]);
    return true;
}

static bool fill(SSL_CTX *context, struct settings *settings, const struct command *c, char error[MAX_ERROR])
{
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    /* man 3 SSL_CTX_set_session_id_context: needed where clients' certificates are verified; each context has ticket keys of its own. */
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"aotruntime", 10);

    /* What of several files is missing is told in the order in which Docker's daemon and its client look for them. */
    bool loaded = is_server(c) ? show(context, settings, c, error) && trust(context, c, error)
                               : trust(context, c, error) && show(context, settings, c, error);
    if (!loaded || c->protocols_length == 0)
        return loaded;
    memcpy(settings->protocols, c->protocols, c->protocols_length);
    settings->protocols_length = c->protocols_length;
    if (is_server(c))
        SSL_CTX_set_alpn_select_cb(context, select_protocol, settings);
    else
        SSL_CTX_set_alpn_protos(context, c->protocols, (unsigned int)c->protocols_length);
    return true;
}

static SSL_CTX *make(const struct command *c, char error[MAX_ERROR])
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(is_server(c) ? TLS_server_method() : TLS_client_method());
    struct settings *settings = calloc(1, sizeof *settings);
    if (!context || !settings || !SSL_CTX_set_ex_data(context, settings_index, settings)) {
        SSL_CTX_free(context);
        free(settings);
        explain(error, "out of memory");
        return NULL;
    }
    if (is_server(c))
        SSL_CTX_set_client_CA_list(context, sk_X509_NAME_new_null());
    if (fill(context, settings, c, error))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

/* FNV-1a over what tells one version of a file from another. */
static uint64_t stamp_file(uint64_t stamp, const char *path)
{
    struct stat status;
    uint64_t parts[5] = { 0 };
    if (stat(path, &status) == 0) {
        parts[0] = status.st_dev, parts[1] = status.st_ino, parts[2] = (uint64_t)status.st_size;
        parts[3] = (uint64_t)status.st_mtim.tv_sec, parts[4] = (uint64_t)status.st_mtim.tv_nsec;
    }
    for (size_t i = 0; i < sizeof parts; i++)
        stamp = (stamp ^ ((const uint8_t *)parts)[i]) * 0x100000001b3;
    return stamp;
}

/* A client's files count as they are when it connects; a server's as they were when it began, as in Docker's daemon. */
static uint64_t stamp_of(const struct command *c)
{
    uint64_t stamp = 0xcbf29ce484222325;
    if (is_server(c))
        return stamp;
    for (int i = 0; i < c->authority_count; i++)
        stamp = stamp_file(stamp, c->authorities[i]);
    for (int i = 0; i < c->pair_count; i++)
        stamp = stamp_file(stamp_file(stamp, c->certificates[i]), c->keys[i]);
    return stamp;
}

static void forget(struct kept *kept)
{
    SSL_CTX_free(kept->context);
    free(kept->key);
    *kept = (struct kept){ 0 };
}

/* The place of equal settings; else a free one, or that of the longest unused. */
static struct kept *place_of(const uint8_t *key, size_t length)
{
    struct kept *place = &all[0];
    for (struct kept *k = all; k < all + MAX_CONTEXTS; k++) {
        if (k->context && k->length == length && memcmp(k->key, key, length) == 0)
            return k;
        if (k->used < place->used)
            place = k;
    }
    forget(place);
    return place;
}

SSL_CTX *context_for(const struct command *c, char error[MAX_ERROR])
{
    size_t length = 2 + c->settings_length;
    uint8_t *key = malloc(length);
    if (!key) {
        explain(error, "out of memory");
        return NULL;
    }
    key[0] = is_server(c);
    key[1] = (uint8_t)c->trust;
    memcpy(key + 2, c->settings, c->settings_length);

    pthread_mutex_lock(&gate);
    if (settings_index < 0)
        settings_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_settings);
    uint64_t stamp = stamp_of(c);
    struct kept *kept = place_of(key, length);
    /* A check is for what the files hold now. */
    if (kept->context && (kept->stamp != stamp || c->what == CHECK_SERVER || c->what == CHECK_CLIENT))
        forget(kept);
    SSL_CTX *context = kept->context;
    if (!context && (context = make(c, error))) {
        *kept = (struct kept){ .context = context, .stamp = stamp, .length = length, .key = key };
        key = NULL;
    }
    if (context) {
        kept->used = ++uses;
        SSL_CTX_up_ref(context);
    }
    pthread_mutex_unlock(&gate);
    free(key);
    return context;
}
