/*
 * Networks. Everything is compared as 16 bytes.
 */
#include "gateway/access/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_SIZE = 64, MAPPED_BITS = 96 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* An IPv4 or IPv6 address in 16 bytes; *ret_four says which it was. */
static bool parse_host(const char *text, uint8_t ret_address[16], bool *ret_four)
{
    uint8_t address[16];
    memcpy(address, mapped, sizeof(mapped));
    *ret_four = inet_pton(AF_INET, text, address + sizeof(mapped)) == 1;
    if (!*ret_four && inet_pton(AF_INET6, text, address) != 1) {
        return false;
    }
    memcpy(ret_address, address, sizeof(address));
    return true;
}

enum fg_status fg_network_parse(const char *text, struct fg_network *ret_network,
                                struct fg_error *error)
{
    struct fg_network network;
    char host[HOST_SIZE];
    const char *slash = strchr(text, '/');
    size_t size = slash != NULL ? (size_t)(slash - text) : strlen(text);
    bool four = false;
    bool ok = size < sizeof(host);
    if (ok) {
        memcpy(host, text, size);
        host[size] = '\0';
        ok = parse_host(host, network.address, &four);
    }
    unsigned most = four ? 32 : 128;
    unsigned bits = most;
    if (ok && slash != NULL) {
        size_t digits = strspn(slash + 1, "0123456789");
        ok = digits >= 1 && digits <= 3 && slash[1 + digits] == '\0';
        bits = ok ? (unsigned)strtoul(slash + 1, NULL, 10) : 0;
    }
    if (!ok || bits > most) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0,
                       "'%s' is not an address or network such as 127.0.0.1 or 10.0.0.0/8", text);
    }
    network.bits = bits + (four ? MAPPED_BITS : 0);
    *ret_network = network;
    return FG_OK;
}

bool fg_network_has(const struct fg_network *network, const struct fg_address *address)
{
    uint8_t bytes[16];
    if (address->size == 0) {
        return false;
    }
    if (address->storage.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&address->storage;
        memcpy(bytes, mapped, sizeof(mapped));
        memcpy(bytes + sizeof(mapped), &four->sin_addr, 4);
    } else {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->storage;
        memcpy(bytes, &six->sin6_addr, sizeof(bytes));
    }
    size_t whole = network->bits / 8;
    unsigned rest = network->bits % 8;
    if (memcmp(bytes, network->address, whole) != 0) {
        return false;
    }
    return rest == 0 || (bytes[whole] ^ network->address[whole]) >> (8 - rest) == 0;
}

bool fg_network_parse_host(struct fg_bytes text, struct fg_address *ret_address)
{
    char copy[HOST_SIZE];
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    if (text.size == 0 || text.size >= sizeof(copy) || memchr(text.data, '\0', text.size) != NULL) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    struct fg_address address;
    if (fg_address_parse(copy, &address, NULL) == FG_OK) {
        *ret_address = address;
        return true;
    }
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    bool brackets = copy[0] == '[' && copy[text.size - 1] == ']';
    if (brackets) {
        copy[text.size - 1] = '\0';
    }
    if (!brackets && inet_pton(AF_INET, copy, &four.sin_addr) == 1) {
        fg_address_copy((const struct sockaddr *)&four, ret_address);
        return true;
    }
    if (inet_pton(AF_INET6, copy + brackets, &six.sin6_addr) == 1) {
        fg_address_copy((const struct sockaddr *)&six, ret_address);
        return true;
    }
    return false;
}
