/*
 * http-load [-u SOCKET | -p PORT] [-c CONNECTIONS] [-d DEPTH] [-s SECONDS] [-r RATE] [-g PATH]
 * Sends GETs over HTTP/1.1 keep-alive connections, DEPTH pipelined at a time, from one thread, and prints
 * "requests/s  p50 us  p99 us". With a RATE (requests a second over all connections) sends are on a fixed schedule, and a latency
 * counts from when its request was due: a stall is not hidden by the requests that it held back. wrk cannot speak to unix sockets.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DEPTH = 64, MAX_CONNECTIONS = 20000, BUCKETS = 40 * 64 };

struct connection {
    int fd;
    int waiting;       /* responses of the batch that are not here yet */
    int64_t sent, due; /* when the batch was sent, or should have been */
    size_t partial;    /* bytes of an incomplete response */
};

static struct connection connections[MAX_CONNECTIONS];
static char request[MAX_DEPTH * 256], buffer[1 << 20];
static size_t request_size, response_size;
static long histogram[BUCKETS], responses;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* 64 steps in each power of two: a value is known to 2 %. */
static int bucket(int64_t ns)
{
    if (ns < 64)
        return ns < 0 ? 0 : (int)ns;
    int power = 63 - __builtin_clzll((uint64_t)ns);
    int index = (power - 5) * 64 + (int)((ns >> (power - 6)) & 63);
    return index < BUCKETS ? index : BUCKETS - 1;
}

static double value(int index)
{
    if (index < 64)
        return index;
    int power = index / 64 + 5;
    return (double)((64LL + index % 64) << (power - 6));
}

static double quantile(double q)
{
    long total = 0, at = 0;
    for (int i = 0; i < BUCKETS; i++)
        total += histogram[i];
    for (int i = 0; i < BUCKETS; i++)
        if ((at += histogram[i]) >= q * (double)total)
            return value(i) / 1e3;
    return 0;
}

static int dial(const char *path, int port)
{
    int fd;
    if (path) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
        if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
            die("connect");
    } else {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int on = 1;
        if ((fd = socket(AF_INET, SOCK_STREAM, 0)) < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
            die("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return fd;
}

static void send_batch(struct connection *c, int depth, int64_t due)
{
    size_t size = request_size * (size_t)depth, done = 0;
    c->sent = now();
    c->due = due ? due : c->sent;
    c->waiting = depth;
    while (done < size) {
        ssize_t n = write(c->fd, request + done, size - done);
        if (n <= 0)
            die("write");
        done += (size_t)n;
    }
}

/* Every response of a run has the same length (that of Date never changes): the first one tells it, the rest are checked by their start. */
static void learn(struct connection *c)
{
    size_t have = 0;
    send_batch(c, 1, 0);
    for (;;) {
        ssize_t n = read(c->fd, buffer + have, 65536 - have);
        if (n <= 0)
            die("read");
        have += (size_t)n;
        buffer[have] = 0;
        char *end = strstr(buffer, "\r\n\r\n");
        if (!end)
            continue;
        char *length = strcasestr(buffer, "\r\ncontent-length:");
        if (!length || strncmp(buffer, "HTTP/1.1 200", 12) != 0) {
            fprintf(stderr, "unexpected response:\n%s\n", buffer);
            exit(1);
        }
        response_size = (size_t)(end + 4 - buffer) + (size_t)atoi(length + 17);
        if (have >= response_size)
            break;
    }
    c->waiting = 0;
}

static void receive(struct connection *c)
{
    ssize_t n = read(c->fd, buffer, sizeof buffer);
    if (n <= 0)
        die("read");
    size_t have = c->partial + (size_t)n, start = c->partial ? response_size - c->partial : 0;
    for (size_t at = start; at + 12 <= (size_t)n; at += response_size)
        if (memcmp(buffer + at, "HTTP/1.1 200", 12) != 0) {
            fprintf(stderr, "a response of another size, or an error\n");
            exit(1);
        }
    int64_t t = now();
    for (; have >= response_size; have -= response_size) {
        histogram[bucket(t - c->due)]++;
        responses++;
        c->waiting--;
    }
    c->partial = have;
}

int main(int argc, char **argv)
{
    const char *path = NULL, *get = "/_ping";
    int port = 0, count = 1, depth = 1, option;
    double seconds = 2, rate = 0;
    while ((option = getopt(argc, argv, "u:p:c:d:s:r:g:")) != -1) {
        switch (option) {
        case 'u': path = optarg; break;
        case 'p': port = atoi(optarg); break;
        case 'c': count = atoi(optarg); break;
        case 'd': depth = atoi(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'g': get = optarg; break;
        default: return 2;
        }
    }
    if (depth < 1 || depth > MAX_DEPTH || count < 1 || count > MAX_CONNECTIONS)
        return 2;
    request_size = (size_t)snprintf(request, 256, "GET %s HTTP/1.1\r\nHost: docker\r\nUser-Agent: http-load\r\n\r\n", get);
    for (int i = 1; i < depth; i++)
        memcpy(request + (size_t)i * request_size, request, request_size);

    int epoll = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        connections[i].fd = dial(path, port);
        if (i == 0)
            learn(&connections[0]);
        struct epoll_event e = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
        epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &e);
    }

    int64_t start = now(), end = start + (int64_t)(seconds * 1e9), warm = start + (int64_t)(seconds * 2e8);
    int64_t step = rate > 0 ? (int64_t)(1e9 / rate * depth) : 0, due = start;
    int next = 0, counting = 0;
    if (!step)
        for (int i = 0; i < count; i++)
            send_batch(&connections[i], depth, 0);
    for (int64_t t; (t = now()) < end;) {
        if (!counting && t >= warm) {
            memset(histogram, 0, sizeof histogram);
            responses = 0;
            counting = 1;
        }
        /* A connection that still waits for its last batch takes none; the next one does. */
        for (int tried = 0; step && due <= t && tried < count; tried++, next = (next + 1) % count)
            if (connections[next].waiting == 0) {
                send_batch(&connections[next], depth, due);
                due += step;
            }
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, step ? 0 : 100);
        for (int i = 0; i < n; i++) {
            struct connection *c = &connections[events[i].data.u32];
            receive(c);
            if (c->waiting == 0 && !step)
                send_batch(c, depth, 0);
        }
    }
    printf("%.0f %.1f %.1f\n", (double)responses / ((double)(now() - warm) / 1e9), quantile(0.5), quantile(0.99));
    return 0;
}
