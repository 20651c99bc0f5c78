/*
 * One connection: TLS on the socket that strangers are at (tcp), its plain text on the pair.
 *
 * A stream socket's end says nothing of why. So who ends a half of the pair in order gives its own end a name before (man 7 unix, "autobind"),
 * which the other end sees (getpeername), even when this one is closed. A longer name is the reason of a failure; an end without a name is that
 * of a process that was killed, or of a connection that was given up. TLS makes the same difference by its close_notify (RFC 8446 §6.1).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls.h"

enum { HANDSHAKE_RECORD = 22, MAX_DRAIN = 256 * 1024 };

/* The octets on their way in one direction. */
struct stretch {
    size_t from, to;
    uint8_t octets[RECORD];
};

struct connection {
    int tcp, pair;
    SSL *ssl;
    const char *host;
    bool parent_gone;    /* the pair's other end is closed: what it left is still sent, nothing comes back */
    bool reading_ended;  /* close_notify came */
    bool writing_ended;  /* the other end has said goodbye */
    bool goodbye_sent;   /* close_notify is with the kernel, and the half is closed */
    short tcp_events;    /* what OpenSSL waits for */
    struct stretch in, out;
    char error[MAX_ERROR];
};

/* man 7 unix: a name of the kernel's choice, where only the family is given. What is no unix socket refuses it. */
static void say_goodbye(int fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) < 0)
        errno = 0;
}

static bool goodbye_was_said(int fd)
{
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    return getpeername(fd, (struct sockaddr *)&address, &length) == 0 && length > sizeof address.sun_family;
}

/* The reason as a name: a NUL, what makes it unique, a blank, and as much of the text as there is room for. */
static void leave_reason(int fd, const char *text)
{
    static _Atomic unsigned count;
    enum { TRIES = 8 };
    for (int i = 0; i < TRIES; i++) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%x-%x %s", (unsigned)getpid(), atomic_fetch_add(&count, 1), text);
        if (length >= (int)sizeof address.sun_path - 1)
            length = sizeof address.sun_path - 2;
        if (bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0 || errno != EADDRINUSE)
            return;
    }
}

void send_result(int pair, enum result result, const char *text)
{
    uint8_t frame[3 + MAX_ERROR];
    uint16_t length = (uint16_t)strnlen(text, MAX_ERROR);
    frame[0] = (uint8_t)result;
    memcpy(frame + 1, &length, sizeof length);
    memcpy(frame + 3, text, length);
    /* The first octets of a fresh pair: there is room. */
    if (send(pair, frame, 3u + length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        errno = 0;
}

/* Closing with octets unread, or without waiting, would send RST, and the peer might never read why. */
static void part(int tcp)
{
    struct timespec begun, now;
    uint8_t drain[4096];
    int left = PART_MS;
    size_t drained = 0;
    shutdown(tcp, SHUT_WR);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (left > 0 && drained < MAX_DRAIN) {
        struct pollfd p = { .fd = tcp, .events = POLLIN };
        if (poll(&p, 1, left) <= 0)
            return;
        ssize_t n = recv(tcp, drain, sizeof drain, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return;
        drained += n > 0 ? (size_t)n : 0;
        clock_gettime(CLOCK_MONOTONIC, &now);
        left = PART_MS - (int)((now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000);
    }
}

/* man 7 socket, SO_LINGER: closing sends RST, and the peer learns that this was no orderly end. */
static void drop(int tcp)
{
    struct linger now = { .l_onoff = 1 };
    setsockopt(tcp, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* Waits for the socket in a handshake; false when whoever asked for it has given up. */
static bool wait_in_handshake(struct connection *c, short events)
{
    struct pollfd p[2] = { { .fd = c->tcp, .events = events }, { .fd = c->pair, .events = 0 } };
    while (poll(p, 2, -1) < 0)
        if (errno != EINTR)
            return false;
    c->parent_gone = p[1].revents != 0;
    return !c->parent_gone;
}

static int on_verified(int ok, X509_STORE_CTX *chain)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct connection *c = SSL_get_app_data(ssl);
    if (!ok && !c->error[0])
        explain_certificate(c->error, chain, c->host);
    return ok;
}

static bool begin(struct connection *c, const struct command *command, SSL_CTX *context)
{
    c->ssl = SSL_new(context);
    if (!c->ssl || !SSL_set_fd(c->ssl, c->tcp)) {
        explain(c->error, "out of memory");
        return false;
    }
    SSL_set_app_data(c->ssl, c);
    SSL_set_verify(c->ssl, SSL_get_verify_mode(c->ssl), on_verified);
    if (is_server(command)) {
        SSL_set_accept_state(c->ssl);
        return true;
    }
    SSL_set_connect_state(c->ssl);
    c->host = command->name;
    if (command->trust != TRUST_ANYBODY && !c->host) {
        explain(c->error, "tls: either ServerName or InsecureSkipVerify must be specified");
        return false;
    }
    if (!c->host)
        return true;
    X509_VERIFY_PARAM *param = SSL_get0_param(c->ssl);
    bool is_address = X509_VERIFY_PARAM_set1_ip_asc(param, c->host) == 1;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted in HostName." */
    if (is_address || (X509_VERIFY_PARAM_set1_host(param, c->host, 0) == 1 && SSL_set_tlsext_host_name(c->ssl, c->host) == 1))
        return true;
    explain(c->error, "tls: \"%s\" is no server name", c->host);
    return false;
}

/* A client that speaks plain HTTP is told so, as Go's server does it, and Docker's client shows it to who forgot --tls. */
static bool is_tls(struct connection *c)
{
    static const char answer[] = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    uint8_t first;
    ssize_t n;
    while ((n = recv(c->tcp, &first, 1, MSG_PEEK)) < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            explain(c->error, "read: %s", errno_text(errno));
            return false;
        }
        if (!wait_in_handshake(c, POLLIN)) {
            explain(c->error, "EOF");
            return false;
        }
    }
    if (n == 1 && first == HANDSHAKE_RECORD)
        return true;
    explain(c->error, n == 0 ? "EOF" : "tls: first record does not look like a TLS handshake");
    if (n == 1 && send(c->tcp, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        errno = 0;
    return false;
}

static bool shake_hands(struct connection *c)
{
    while (true) {
        ERR_clear_error();
        errno = 0;
        int result = SSL_do_handshake(c->ssl), number = errno;
        if (result == 1)
            return true;
        int why = SSL_get_error(c->ssl, result);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
            if (!c->error[0])
                explain_failure(c->error, why, number);
            return false;
        }
        if (!wait_in_handshake(c, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT)) {
            explain(c->error, "EOF");
            return false;
        }
    }
}

/* What became of an operation of OpenSSL's: whether to go on. */
static bool judge(struct connection *c, int result, int number, bool *ended)
{
    int why = SSL_get_error(c->ssl, result);
    switch (why) {
    case SSL_ERROR_WANT_READ:
        c->tcp_events |= POLLIN;
        return true;
    case SSL_ERROR_WANT_WRITE:
        c->tcp_events |= POLLOUT;
        return true;
    case SSL_ERROR_ZERO_RETURN:
        *ended = true;
        return true;
    default:
        explain_failure(c->error, why, number);
        if (strcmp(c->error, "EOF") == 0)
            explain(c->error, "unexpected EOF"); /* RFC 8446 §6.1: an end without close_notify may be an attacker's */
        return false;
    }
}

/* From the socket to the pair. Whether to go on. */
static bool receive(struct connection *c, bool *moved)
{
    if (c->parent_gone)
        return true;
    if (c->in.from == c->in.to && !c->reading_ended) {
        ERR_clear_error();
        errno = 0;
        int n = SSL_read(c->ssl, c->in.octets, RECORD), number = errno;
        if (n <= 0 && !judge(c, n, number, &c->reading_ended))
            return false;
        c->in.from = 0;
        c->in.to = n > 0 ? (size_t)n : 0;
        *moved |= n > 0;
        if (c->reading_ended) {
            say_goodbye(c->pair);
            shutdown(c->pair, SHUT_WR);
        }
    }
    if (c->in.from < c->in.to) {
        ssize_t n = send(c->pair, c->in.octets + c->in.from, c->in.to - c->in.from, MSG_NOSIGNAL);
        if (n > 0) {
            c->in.from += (size_t)n;
            *moved = true;
        } else if (errno != EAGAIN && errno != EINTR) {
            c->parent_gone = true; /* nobody reads this any more */
            *moved = true;
        }
    }
    return true;
}

/* Says close_notify once all is sent. Whether to go on. */
static bool end_sending(struct connection *c)
{
    bool ended = false;
    ERR_clear_error();
    errno = 0;
    int result = SSL_shutdown(c->ssl), number = errno;
    if (result < 0 && !judge(c, result, number, &ended))
        return false;
    if (result < 0 && !ended)
        return true;
    c->goodbye_sent = true;
    say_goodbye(c->tcp); /* which may itself be a pair, where TLS runs over TLS */
    shutdown(c->tcp, SHUT_WR);
    return true;
}

/* From the pair to the socket. Whether to go on. */
static bool transmit(struct connection *c, bool *moved)
{
    if (c->out.from == c->out.to && !c->writing_ended) {
        ssize_t n = recv(c->pair, c->out.octets, RECORD, 0);
        if (n > 0) {
            c->out.from = 0;
            c->out.to = (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            if (!goodbye_was_said(c->pair))
                return false;
            c->writing_ended = true;
        }
    }
    if (c->out.from < c->out.to) {
        bool ended = false;
        ERR_clear_error();
        errno = 0;
        int n = SSL_write(c->ssl, c->out.octets + c->out.from, (int)(c->out.to - c->out.from)), number = errno;
        if (n <= 0)
            return judge(c, n, number, &ended) && !ended;
        c->out.from += (size_t)n;
        *moved = true;
    } else if (c->writing_ended && !c->goodbye_sent) {
        *moved = true;
        return end_sending(c);
    }
    return true;
}

/* Waits until something may move on. A descriptor that nothing is wanted of is left out: poll(2) tells of its end again and again. */
static bool wait_for_more(struct connection *c)
{
    short wanted = 0;
    if (c->in.from < c->in.to)
        wanted |= POLLOUT;
    if (c->out.from == c->out.to && !c->writing_ended)
        wanted |= POLLIN;
    struct pollfd p[2] = {
        { .fd = c->tcp_events ? c->tcp : -1, .events = c->tcp_events },
        { .fd = c->parent_gone ? -1 : c->pair, .events = wanted },
    };
    int n;
    while ((n = poll(p, 2, c->parent_gone ? LINGER_MS : -1)) < 0)
        if (errno != EINTR)
            return false;
    if (n > 0 && (p[1].revents & (POLLHUP | POLLERR))) {
        c->parent_gone = true;
        return goodbye_was_said(c->pair);
    }
    return n > 0;
}

/* Both directions until both have ended; false where one failed, or was given up. */
static bool relay(struct connection *c)
{
    while (!(c->goodbye_sent && (c->reading_ended || c->parent_gone))) {
        bool moved = false;
        c->tcp_events = 0;
        if (!receive(c, &moved) || !transmit(c, &moved))
            return false;
        if (!moved && !wait_for_more(c))
            return false;
    }
    return true;
}

static bool prepare(struct connection *c, const struct command *command)
{
    fcntl(c->tcp, F_SETFL, fcntl(c->tcp, F_GETFL) | O_NONBLOCK);
    fcntl(c->pair, F_SETFL, fcntl(c->pair, F_GETFL) | O_NONBLOCK);
    SSL_CTX *context = context_for(command, c->error);
    if (!context)
        return false;
    bool ready = (!is_server(command) || is_tls(c)) && begin(c, command, context) && shake_hands(c);
    SSL_CTX_free(context);
    return ready;
}

void run_connection(const struct command *command, int tcp, int pair)
{
    struct connection *c = calloc(1, sizeof *c);
    bool orderly = false;
    if (!c) {
        send_result(pair, RESULT_ERROR, "out of memory");
    } else {
        c->tcp = tcp;
        c->pair = pair;
        if (prepare(c, command)) {
            char text[32 + 256];
            const unsigned char *protocol;
            unsigned int length;
            SSL_get0_alpn_selected(c->ssl, &protocol, &length);
            snprintf(text, sizeof text, "%s %.*s", SSL_get_version(c->ssl), (int)length, (const char *)protocol);
            send_result(pair, RESULT_OK, text);
            c->error[0] = 0;
            orderly = relay(c);
            if (!orderly && c->error[0])
                leave_reason(pair, c->error);
            if (!orderly)
                drop(tcp);
        } else if (c->parent_gone) {
            drop(tcp);
        } else {
            send_result(pair, RESULT_ERROR, c->error);
            say_goodbye(pair);
            shutdown(pair, SHUT_WR);
            part(tcp);
        }
        SSL_free(c->ssl);
        free(c);
    }
    close(pair);
    close(tcp);
}
