/*
 * Numeric addresses to sockets and back. Names are never looked up here, so nothing blocks.
 */
#include "gateway/config/address.h"

#include "framing/buffer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Splits "host:port" or "[host]:port" in place; false if it is neither. */
static bool split(char *text, char **ret_host, char **ret_port)
{
    char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] == '\0') {
        return false;
    }
    *colon = '\0';
    *ret_port = colon + 1;
    if (strspn(*ret_port, "0123456789") != strlen(*ret_port)) {
        return false;
    }
    size_t size = strlen(text);
    if (text[0] == '[') {
        if (size < 3 || text[size - 1] != ']') {
            return false;
        }
        text[size - 1] = '\0';
        *ret_host = text + 1;
        return strchr(*ret_host, ':') != NULL;
    }
    *ret_host = text;
    return size > 0 && strchr(text, ':') == NULL;
}

enum fg_status fg_address_parse(const char *text, struct fg_address *ret_address,
                                struct fg_error *error)
{
    char copy[FG_ADDRESS_TEXT_SIZE];
    char *host = NULL;
    char *port = NULL;
    struct addrinfo *found = NULL;
    size_t size = strlen(text);
    if (size < sizeof(copy)) {
        memcpy(copy, text, size + 1);
        if (split(copy, &host, &port) && strlen(port) <= 5 && strtoul(port, NULL, 10) <= 65535) {
            struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                     .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
            if (getaddrinfo(host, port, &hints, &found) != 0) {
                found = NULL;
            }
        }
    }
    if (found == NULL) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0,
                       "'%s' is not an address and port such as 127.0.0.1:8080 or [::1]:8080",
                       text);
    }
    fg_address_copy(found->ai_addr, ret_address);
    freeaddrinfo(found);
    return FG_OK;
}

void fg_address_copy(const struct sockaddr *from, struct fg_address *ret_address)
{
    *ret_address = (struct fg_address){.size = 0};
    if (from == NULL) {
        return;
    }
    if (from->sa_family == AF_INET) {
        ret_address->size = sizeof(struct sockaddr_in);
    } else if (from->sa_family == AF_INET6) {
        ret_address->size = sizeof(struct sockaddr_in6);
    }
    memcpy(&ret_address->storage, from, ret_address->size);
}

/* Appends a number's digits; the new end. */
static char *put_number(char *at, unsigned number)
{
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

/* Without printf: every request has its peer formatted, and that was a tenth of our share of it. */
static void format_four(const struct sockaddr_in *four, char *text)
{
    const uint8_t *bytes = (const uint8_t *)&four->sin_addr;
    for (int i = 0; i < 4; i++) {
        text = put_number(text, bytes[i]);
        *text++ = i < 3 ? '.' : ':';
    }
    *put_number(text, ntohs(four->sin_port)) = '\0';
}

void fg_address_format(const struct fg_address *address, char *text)
{
    char host[INET6_ADDRSTRLEN];
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->storage;
    if (address->size == 0) {
        snprintf(text, FG_ADDRESS_TEXT_SIZE, "-");
    } else if (address->storage.ss_family == AF_INET) {
        format_four((const struct sockaddr_in *)&address->storage, text);
    } else {
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
        snprintf(text, FG_ADDRESS_TEXT_SIZE, "[%s]:%u", host, (unsigned)ntohs(six->sin6_port));
    }
}

void fg_address_format_host(const struct fg_address *address, char *text)
{
    socklen_t size = address->size;
    if (size == 0 || getnameinfo((const struct sockaddr *)&address->storage, size, text,
                                 FG_ADDRESS_TEXT_SIZE, NULL, 0, NI_NUMERICHOST) != 0) {
        text[0] = '\0';
    }
}

uint16_t fg_address_port(const struct fg_address *address)
{
    in_port_t port = 0;
    if (address->size > 0 && address->storage.ss_family == AF_INET) {
        port = ((const struct sockaddr_in *)&address->storage)->sin_port;
    } else if (address->size > 0) {
        port = ((const struct sockaddr_in6 *)&address->storage)->sin6_port;
    }
    return ntohs(port);
}

/* The bytes of the address itself, without port and the rest; empty for none. */
static struct fg_bytes host_of(const struct fg_address *address)
{
    if (address->size > 0 && address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const void *)&address->storage;
        return (struct fg_bytes){(const uint8_t *)&four->sin_addr, sizeof(four->sin_addr)};
    }
    if (address->size > 0 && address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)&address->storage;
        return (struct fg_bytes){(const uint8_t *)&six->sin6_addr, sizeof(six->sin6_addr)};
    }
    return (struct fg_bytes){NULL, 0};
}

bool fg_address_same_host(const struct fg_address *one, const struct fg_address *other)
{
    struct fg_bytes a = host_of(one);
    struct fg_bytes b = host_of(other);
    return a.size > 0 && a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

uint32_t fg_address_hash(const struct fg_address *address)
{
    struct fg_bytes host = host_of(address);
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < host.size; i++) {
        hash = (hash ^ host.data[i]) * 16777619U;
    }
    return hash;
}

bool fg_address_is_loopback(const struct fg_address *address)
{
    if (address->size == 0) {
        return false;
    }
    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&address->storage;
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    }
    const struct in6_addr *six = &((const struct sockaddr_in6 *)&address->storage)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

/* bind, and which port it became. */
static int bind_to(int fd, const struct fg_address *address, struct fg_address *ret_bound)
{
    int on = 1;
    struct fg_address bound = {.size = sizeof(bound.storage)};
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)&address->storage, address->size) != 0 ||
        getsockname(fd, (struct sockaddr *)&bound.storage, &bound.size) != 0) {
        return -1;
    }
    *ret_bound = bound;
    return 0;
}

/* errno says why. */
static enum fg_status refuse(const struct fg_address *address, struct fg_error *error)
{
    int saved = errno;
    char text[FG_ADDRESS_TEXT_SIZE];
    fg_address_format(address, text);
    return fg_fail(error, FG_ERR_IO, 0, "cannot listen on %s: %s", text, strerror(saved));
}

enum fg_status fg_address_bind(const struct fg_address *address, int *ret_socket,
                               struct fg_address *ret_bound, struct fg_error *error)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind_to(fd, address, ret_bound) != 0) {
        enum fg_status status = refuse(address, error);
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    *ret_socket = fd;
    return FG_OK;
}

enum fg_status fg_address_listen(int socket, const struct fg_address *bound, struct fg_error *error)
{
    return listen(socket, SOMAXCONN) == 0 ? FG_OK : refuse(bound, error);
}
