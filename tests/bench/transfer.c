/*
 * A client that costs as little as possible, so that the server is what is measured: it sends one
 * prepared request, of which a part may be repeated, and drops the answer in the kernel.
 *
 * Usage: transfer PORT HEAD REPEATED TIMES TAIL. The three files are sent in this order. Prints the
 * answer's status, the bytes of the answer with its head, and the nanoseconds from the first byte
 * sent to the last one received. The server must close the connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct part {
    char *data;
    size_t size;
};

static void die(const char *what)
{
    fprintf(stderr, "transfer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct part read_part(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        die(path);
    }
    struct part part = {malloc((size_t)info.st_size + 1), (size_t)info.st_size};
    if (part.data == NULL || fread(part.data, 1, part.size, file) != part.size) {
        die(path);
    }
    fclose(file);
    return part;
}

static void send_all(int fd, struct part part)
{
    while (part.size > 0) {
        ssize_t sent = send(fd, part.data, part.size, MSG_NOSIGNAL);
        if (sent < 0) {
            die("send");
        }
        part.data += sent;
        part.size -= (size_t)sent;
    }
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: transfer PORT HEAD REPEATED TIMES TAIL\n");
        return 2;
    }
    struct part head = read_part(argv[2]);
    struct part repeated = read_part(argv[3]);
    struct part tail = read_part(argv[5]);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        die("connect");
    }
    uint64_t start = now();
    send_all(fd, head);
    for (long i = strtol(argv[4], NULL, 10); i > 0; i--) {
        send_all(fd, repeated);
    }
    send_all(fd, tail);
    char status[16] = "";
    ssize_t got = recv(fd, status, sizeof status - 1, MSG_WAITALL);
    uint64_t bytes = 0;
    while (got > 0) {
        bytes += (uint64_t)got;
        /* TCP drops what MSG_TRUNC asks for without copying it. */
        got = recv(fd, NULL, 1 << 30, MSG_TRUNC);
    }
    if (got < 0) {
        die("recv");
    }
    printf("%.3s %llu %llu\n", status + 9, (unsigned long long)bytes,
           (unsigned long long)(now() - start));
    return 0;
}
