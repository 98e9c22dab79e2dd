/*
 * The HTTP table of the protocol. Each row is one call to answer(); the order is the table's.
 */
#include "gateway/exchange/route.h"

#include "gateway/exchange/mediatype.h"
#include "gateway/exchange/percent.h"
#include "handlers/registry.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /*
     * A refused body up to this size is taken in and dropped, which keeps the connection; after a
     * larger one closing it is cheaper than reading on.
     */
    TAKE_IN_MAX = 64 * 1024,
    /* Bytes of the peer's own words that a message repeats. */
    QUOTE_MAX = 100,
    PARTS_MAX = 5, /* api, NAME, ro or rw, command, and whatever comes too many */
    NAME_MAX_SIZE = 64,
};

#define ARGUMENT "x-hgarg" /* the arguments of a command come in X-HgArg-1, X-HgArg-2, … */

/* What the fields say, gathered in one pass. */
struct summary {
    bool bad_name;
    bool transfer_encoding;
    bool expect;
    unsigned lengths;
    unsigned hosts;
    struct fg_bytes length;
    unsigned content_types; /* fields of any type; the next two are fields of one type */
    unsigned framed;
    unsigned classic;
    struct fg_accept accept;
    uint64_t bytes;
    size_t arguments; /* fields of arguments, which have a limit of their own */
    uint64_t argument_names;
    uint64_t argument_bytes;
};

/* The path, cut at its slashes. */
struct path {
    struct fg_bytes whole;
    struct fg_bytes parts[PARTS_MAX];
    size_t count;
    bool encoded; /* it has a percent sign: parts are decoded before they are compared */
};

/* -- bytes ------------------------------------------------------------------------------------ */

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool fg_equal_caseless(struct fg_bytes text, const char *lower_case)
{
    for (size_t i = 0; i < text.size; i++) {
        if (lower(text.data[i]) != (uint8_t)lower_case[i]) {
            return false;
        }
    }
    return true;
}

/*
 * What tokens of RFC 9110, such as methods and field names, are made of. A table, since every byte
 * of every name is looked up: comparing with ranges and a list was 400 instructions a request.
 */
static const bool token_bytes[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true,
    ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true,
    ['`'] = true, ['|'] = true, ['~'] = true, ['0'] = true, ['1'] = true, ['2'] = true,
    ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true,
    ['9'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true,
    ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true,
    ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true,
    ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true,
    ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true,
    ['d'] = true, ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true,
    ['j'] = true, ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true,
    ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true,
    ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true,
};

static bool is_token(struct fg_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!token_bytes[text.data[i]]) {
            return false;
        }
    }
    return text.size > 0;
}

/* A part as it is meant. Paths of clients have nothing to undo. */
static bool decode_part(const struct path *path, size_t part, uint8_t data[NAME_MAX_SIZE],
                        struct fg_bytes *ret_decoded)
{
    size_t size = 0;
    if (!path->encoded) {
        *ret_decoded = path->parts[part];
        return true;
    }
    /* A name that is too long is no name of ours. */
    if (!fg_percent_decode(path->parts[part], false, data, NAME_MAX_SIZE, &size)) {
        return false;
    }
    *ret_decoded = (struct fg_bytes){data, size};
    return true;
}

static inline bool part_is(const struct path *path, size_t part, const char *name)
{
    uint8_t data[NAME_MAX_SIZE];
    struct fg_bytes decoded;
    return decode_part(path, part, data, &decoded) && fg_bytes_equal_string(decoded, name);
}

/* text as printable ASCII, cut; for messages. */
static void quote(struct fg_bytes text, char ret_quoted[4 * QUOTE_MAX + 4])
{
    char *out = ret_quoted;
    size_t size = text.size < QUOTE_MAX ? text.size : QUOTE_MAX;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = text.data[i];
        if (byte > ' ' && byte < 0x7f && byte != '\\') {
            *out++ = (char)byte;
        } else {
            out += snprintf(out, 5, "\\x%02x", byte);
        }
    }
    snprintf(out, 4, "%s", size < text.size ? "..." : "");
}

/* -- answers ---------------------------------------------------------------------------------- */

static void answer(struct fg_route *route, uint16_t status, const char *before,
                   struct fg_bytes quoted)
{
    char text[4 * QUOTE_MAX + 4];
    quote(quoted, text);
    route->kind = FG_ROUTE_TEXT;
    route->status = status;
    snprintf(route->message, sizeof(route->message), "%s%s\n", before, text);
}

static void answer_text(struct fg_route *route, uint16_t status, const char *text)
{
    answer(route, status, text, (struct fg_bytes){NULL, 0});
}

static void answer_bound(struct fg_route *route, uint16_t status, enum fg_bound bound,
                         const char *what, uint64_t limit, const char *unit)
{
    answer_text(route, status, "");
    route->bound = bound;
    route->at_once = true;
    snprintf(route->message, sizeof(route->message), "%s the limit of %llu %s\n", what,
             (unsigned long long)limit, unit);
}

static void answer_memory(struct fg_route *route, const struct fg_config *config)
{
    answer_bound(route, 503, FG_BOUND_MEMORY, "the requests in progress hold", config->memory_bytes,
                 "bytes");
}

static void answer_method(struct fg_route *route, const char *allow, const char *text)
{
    answer_text(route, 405, text);
    route->allow = allow;
}

/* -- the head --------------------------------------------------------------------------------- */

/* The N of a field NAME-N, which Mercurial counts from 1; 0 if the field is none. */
static size_t part_number(const struct fg_field *field, const char *name, size_t name_size)
{
    enum { DIGITS_MAX = 9 };
    struct fg_bytes text = field->name;
    if (text.size < name_size + 2 || text.size > name_size + 1 + DIGITS_MAX ||
        text.data[name_size] != '-' || text.data[name_size + 1] == '0' ||
        !fg_equal_caseless((struct fg_bytes){text.data, name_size}, name)) {
        return 0;
    }
    size_t number = 0;
    for (size_t i = name_size + 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        number = number * 10 + (size_t)(text.data[i] - '0');
    }
    return number;
}

/* Takes in what a field with a name of ours says; false if it has none, which is then unchecked. */
static bool summarize_known(const struct fg_field *field, struct summary *summary)
{
    if (fg_field_is(field, "accept")) {
        fg_accept_take(&summary->accept, field->value, FG_MEDIA_TYPE);
    } else if (fg_field_is(field, "content-type")) {
        summary->content_types++;
        if (fg_content_type_is(field->value, FG_MEDIA_TYPE)) {
            summary->framed++;
        } else if (fg_content_type_is(field->value, FG_CLASSIC_TYPE)) {
            summary->classic++;
        }
    } else if (fg_field_is(field, "content-length")) {
        summary->lengths++;
        summary->length = field->value;
    } else if (fg_field_is(field, "transfer-encoding")) {
        summary->transfer_encoding = true;
    } else if (fg_field_is(field, "host")) {
        summary->hosts++;
    } else if (fg_field_is(field, "expect")) {
        summary->expect = true;
    } else {
        return false;
    }
    return true;
}

static void summarize(const struct fg_head *head, struct summary *ret_summary)
{
    struct summary summary = {0};
    for (size_t i = 0; i < head->fields_count; i++) {
        const struct fg_field *field = &head->fields[i];
        if (part_number(field, ARGUMENT, sizeof(ARGUMENT) - 1) > 0) {
            summary.arguments++;
            summary.argument_names += field->name.size + 1;
            summary.argument_bytes += field->value.size;
            continue; /* its name is a token */
        }
        summary.bytes += field->name.size + field->value.size;
        if (!summarize_known(field, &summary) && !is_token(field->name)) {
            summary.bad_name = true;
        }
    }
    *ret_summary = summary;
}

/* All digits; what exceeds 64 bits exceeds every limit as the largest value does. */
static bool parse_length(struct fg_bytes text, uint64_t *ret_length)
{
    uint64_t length = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        length = length > (UINT64_MAX - digit) / 10 ? UINT64_MAX : length * 10 + digit;
    }
    *ret_length = length;
    return text.size > 0;
}

static bool is_post(const struct fg_head *head)
{
    return fg_bytes_equal_string(head->method, "POST");
}

static bool is_get(const struct fg_head *head)
{
    return fg_bytes_equal_string(head->method, "GET") ||
           fg_bytes_equal_string(head->method, "HEAD");
}

/* The rules before the table. True if one of them was broken and route has the answer. */
static bool breaks_http(const struct fg_config *config, const struct fg_head *head,
                        const struct summary *summary, struct fg_route *route)
{
    route->at_once = true;
    if (head->target.size > config->target_bytes) {
        answer_bound(route, 414, FG_BOUND_TARGET, "the path exceeds", config->target_bytes,
                     "bytes");
    } else if (head->fields_count - summary->arguments > config->header_fields) {
        answer_bound(route, 431, FG_BOUND_HEADER_FIELDS, "the header exceeds",
                     config->header_fields, "fields (--max-header-fields)");
    } else if (summary->bytes > config->header_bytes + summary->argument_names) {
        /* hg lists the names of the arguments' fields in a field Vary. */
        answer_bound(route, 431, FG_BOUND_HEADER_BYTES, "the header exceeds", config->header_bytes,
                     "bytes (--max-header)");
    } else if (summary->argument_bytes > config->framing.request_bytes) {
        answer_bound(route, 431, FG_BOUND_REQUEST, "the arguments in the header exceed",
                     config->framing.request_bytes, "bytes (--max-request)");
    } else if (summary->bad_name) {
        answer_text(route, 400, "a header field has a malformed name");
    } else if (summary->hosts > 1) {
        answer_text(route, 400, "the header has more than one Host");
    } else if (head->target_cut) {
        answer_text(route, 400, "the path contains a NUL");
    } else if (head->fields_cut) {
        answer_text(route, 400, "a header field is folded or contains a NUL");
    } else if (is_get(head) &&
               (summary->transfer_encoding || summary->lengths > 1 ||
                (summary->lengths == 1 &&
                 (!parse_length(summary->length, &route->body_size) || route->body_size != 0)))) {
        answer_text(route, 400, "this method takes no body");
    } else if (is_post(head) && (summary->transfer_encoding || summary->lengths != 1 ||
                                 !parse_length(summary->length, &route->body_size))) {
        answer_text(route, 411, "POST needs exactly one Content-Length and no Transfer-Encoding");
    } else if (head->crowded) {
        answer_bound(route, 429, FG_BOUND_CONNECTIONS_PER_ADDRESS,
                     "the requests in progress of this address reach",
                     config->connections_per_address, "");
    } else if (is_post(head) && head->memory_short) {
        answer_memory(route, config);
    } else {
        route->at_once = false;
        return false;
    }
    return true;
}

/* -- the path --------------------------------------------------------------------------------- */

/* How many bytes come before the first of this one. */
static size_t until(const uint8_t *data, size_t size, uint8_t byte)
{
    const uint8_t *found = size > 0 ? memchr(data, byte, size) : NULL;
    return found != NULL ? (size_t)(found - data) : size;
}

/* "http://host/path" is "/path"; what follows '?' is the query. */
static struct fg_bytes path_of(struct fg_bytes target)
{
    size_t skip = 0;
    if (fg_bytes_start_with(target, "http://")) {
        skip = 7;
    } else if (fg_bytes_start_with(target, "https://")) {
        skip = 8;
    }
    if (skip > 0) {
        while (skip < target.size && target.data[skip] != '/' && target.data[skip] != '?') {
            skip++;
        }
    }
    size_t end = skip + until(target.data + skip, target.size - skip, '?');
    if (skip > 0 && end == skip) {
        return fg_bytes_from_string("/");
    }
    return (struct fg_bytes){target.data + skip, end - skip};
}

/* Cuts the path at its slashes; one at its end does not count. False if it does not start so. */
static bool split_path(struct fg_bytes path, struct path *ret_path)
{
    if (path.size == 0 || path.data[0] != '/') {
        return false;
    }
    path.data++;
    path.size--;
    if (path.size > 0 && path.data[path.size - 1] == '/') {
        path.size--;
    }
    *ret_path = (struct path){.whole = path, .encoded = memchr(path.data, '%', path.size) != NULL};
    while (path.size > 0 && ret_path->count < PARTS_MAX) {
        size_t size = until(path.data, path.size, '/');
        ret_path->parts[ret_path->count++] = (struct fg_bytes){path.data, size};
        size_t gone = size < path.size ? size + 1 : size;
        path.data += gone;
        path.size -= gone;
    }
    return true;
}

/* Puts each field that is a part of name where its number says; the first of several counts. */
static void find_parts(const struct fg_head *head, const char *name,
                       const struct fg_field **ret_parts)
{
    for (size_t i = 0; i < head->fields_count; i++) {
        size_t number = part_number(&head->fields[i], name, strlen(name));
        if (number > 0 && number <= head->fields_count && ret_parts[number - 1] == NULL) {
            ret_parts[number - 1] = &head->fields[i];
        }
    }
}

enum fg_status fg_head_join(const struct fg_head *head, const char *name, struct fg_buffer *value)
{
    enum { FEW = 128 };
    /* One look for each part would be a look at all fields for each field. */
    const struct fg_field *few[FEW] = {NULL};
    const struct fg_field **parts = few;
    if (head->fields_count > FEW) {
        parts = calloc(head->fields_count, sizeof(const struct fg_field *));
        if (parts == NULL) {
            return FG_ERR_MEMORY;
        }
    }
    find_parts(head, name, parts);
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < head->fields_count && parts[i] != NULL && status == FG_OK; i++) {
        status = fg_buffer_append(value, parts[i]->value.data, parts[i]->value.size);
    }
    if (parts != few) {
        free(parts);
    }
    return status;
}

struct fg_bytes fg_target_query(struct fg_bytes target)
{
    const uint8_t *at = target.size > 0 ? memchr(target.data, '?', target.size) : NULL;
    if (at == NULL) {
        return (struct fg_bytes){NULL, 0};
    }
    size_t gone = (size_t)(at - target.data) + 1;
    return (struct fg_bytes){at + 1, target.size - gone};
}

bool fg_query_find(struct fg_bytes target, const char *key, struct fg_bytes *ret_value)
{
    size_t key_size = strlen(key);
    struct fg_bytes rest = fg_target_query(target);
    while (rest.size > 0) {
        const uint8_t *next = memchr(rest.data, '&', rest.size);
        size_t size = next != NULL ? (size_t)(next - rest.data) : rest.size;
        if (size > key_size && memcmp(rest.data, key, key_size) == 0 &&
            rest.data[key_size] == '=') {
            *ret_value = (struct fg_bytes){rest.data + key_size + 1, size - key_size - 1};
            return true;
        }
        size_t gone = next != NULL ? size + 1 : size;
        rest.data += gone;
        rest.size -= gone;
    }
    return false;
}

/* -- the table -------------------------------------------------------------------------------- */

/* Which rule refused. */
static void answer_denied(const struct fg_head *head, enum fg_permission permission,
                          struct fg_route *route)
{
    enum fg_verdict verdict = head->verdicts[permission];
    /* Who may not read may not push either. */
    bool push = permission == FG_PERMISSION_PUSH && verdict != head->verdicts[FG_PERMISSION_PULL];
    bool named = head->user != NULL && head->user[0] != '\0';
    const char *user = named ? head->user : "everyone";
    answer_text(route, 403, "");
    char *text = route->message;
    size_t size = sizeof(route->message);
    if (verdict == FG_VERDICT_DENIED) {
        snprintf(text, size, "permission denied: %s is in %s\n", user,
                 push ? "deny_push" : "deny_read");
    } else if (verdict == FG_VERDICT_UNLISTED) {
        snprintf(text, size, "permission denied: %s is not in %s\n", user,
                 push ? "allow-push" : "allow_read");
    } else if (verdict == FG_VERDICT_CLOSED) {
        snprintf(text, size, "permission denied: pushing is not configured (allow-push)\n");
    } else if (verdict == FG_VERDICT_NAMELESS) {
        snprintf(text, size,
                 "permission denied: there are no passwords and tokens by which to know who may\n");
    } else {
        snprintf(text, size, "permission denied: pushing needs TLS (push_ssl)\n");
    }
}

bool fg_route_permit(const struct fg_config *config, const struct fg_head *head,
                     enum fg_permission permission, struct fg_route *route)
{
    switch (head->verdicts[permission]) {
    case FG_VERDICT_ALLOWED:
        return true;
    case FG_VERDICT_DENIED:
    case FG_VERDICT_UNLISTED:
    case FG_VERDICT_CLOSED:
    case FG_VERDICT_NAMELESS:
    case FG_VERDICT_INSECURE:
        answer_denied(head, permission, route);
        break;
    case FG_VERDICT_UNKNOWN:
        answer_text(route, 401, "permission denied");
        route->authenticate = true;
        break;
    case FG_VERDICT_UNCHECKED:
        route->kind = FG_ROUTE_LOGIN;
        break;
    case FG_VERDICT_BUSY:
        answer_bound(route, 503, FG_BOUND_LOGINS, "the passwords being checked reach",
                     config->logins, "");
        break;
    }
    return false;
}

bool fg_route_permit_classic(const struct fg_config *config, const struct fg_head *head,
                             enum fg_permission permission, struct fg_route *route)
{
    bool may = fg_route_permit(config, head, permission, route);
    route->tells_hg = !may && route->kind == FG_ROUTE_TEXT && route->status == 403;
    return may;
}

/* What is not held in memory may be larger. */
static void check_body_size(const struct fg_config *config, struct fg_route *route)
{
    bool bundle = route->spec != NULL && route->spec->taker != NULL;
    uint64_t limit = bundle ? config->unbundle_bytes : config->body_bytes;
    if (route->body_size > limit) {
        answer_bound(route, 413, bundle ? FG_BOUND_BUNDLE : FG_BOUND_BODY, "the body exceeds",
                     limit, "bytes");
    }
}

/* Rows from "debugreflect" to "413", for a path that names a command. */
static void route_command(const struct fg_config *config, const struct summary *summary,
                          const struct path *path, struct fg_route *route)
{
    uint8_t data[NAME_MAX_SIZE];
    struct fg_bytes decoded = {NULL, 0}; /* no name, if it is malformed or too long for one */
    route->kind = FG_ROUTE_COMMANDS;
    (void)decode_part(path, 3, data, &decoded);
    if (fg_bytes_equal_string(decoded, "debugreflect")) {
        route->kind = FG_ROUTE_REFLECT;
    } else if (!fg_bytes_equal_string(decoded, "multirequest")) {
        route->spec = fg_registry_find(decoded);
        if (route->spec == NULL || (route->spec->debug && !config->debugreflect)) {
            route->spec = NULL;
            answer(route, 404, "unknown wire protocol command: ", path->parts[3]);
            return;
        }
    }
    if (route->kind == FG_ROUTE_REFLECT && !config->debugreflect) {
        answer_text(route, 404, "debugreflect service not available");
    } else if (route->kind == FG_ROUTE_COMMANDS && !fg_accept_admits(&summary->accept)) {
        answer_text(route, 406, "client MUST specify Accept header with value: " FG_MEDIA_TYPE);
    } else if (route->kind == FG_ROUTE_COMMANDS &&
               (summary->framed == 0 || summary->framed != summary->content_types)) {
        answer_text(route, 415, "client MUST send Content-Type header with value: " FG_MEDIA_TYPE);
    } else {
        check_body_size(config, route);
    }
}

/* Rows from "one path part after it" to "not allowed". */
static void route_api(const struct fg_config *config, const struct fg_head *head,
                      const struct summary *summary, const struct path *path,
                      struct fg_route *route)
{
    if (path->count == 2) {
        answer_text(route, 200, "the API " FG_API_NAME ": POST frames to ro/COMMAND or rw/COMMAND");
        return;
    }
    bool rw = path->count > 3 && part_is(path, 2, "rw");
    if (path->count > 3 && !rw && !part_is(path, 2, "ro")) {
        answer(route, 404, "unknown permission: ", path->parts[2]);
    } else if (path->count != 4) {
        answer(route, 404, "do not know how to process ", path->whole);
    } else if (!is_post(head)) {
        answer_method(route, "POST", "commands require POST requests");
    } else {
        route->permission = rw ? FG_PERMISSION_PUSH : FG_PERMISSION_PULL;
        if (fg_route_permit(config, head, route->permission, route)) {
            route_command(config, summary, path, route);
        }
    }
}

/* What no form and no image on somebody's page can send with the credentials of who looks at it. */
bool fg_route_permit_classic_push(struct fg_route *route)
{
    if (!route->posted) {
        answer_method(route, "POST", "push requires POST request");
    } else if (!route->typed) {
        answer_text(route, 415,
                    "client MUST send Content-Type header with value: " FG_CLASSIC_TYPE);
    }
    return route->posted && route->typed;
}

/* ?cmd= on the root. Whoever may read hears of commands; a batch may have some that write. */
static void route_classic(const struct fg_config *config, const struct fg_head *head,
                          const struct summary *summary, struct fg_bytes name,
                          struct fg_route *route)
{
    const struct fg_classic_command *command = fg_classic_find(name);
    bool handshake = fg_bytes_equal_string(name, "capabilities");
    if (handshake ? !is_get(head) : !is_get(head) && !is_post(head)) {
        route->kind = FG_ROUTE_HANDSHAKE; /* 405 */
        return;
    }
    if (!fg_route_permit_classic(config, head, FG_PERMISSION_PULL, route)) {
        return;
    }
    if (handshake) {
        /* It says what the repository is like, so it is for those who may read it. */
        route->kind = FG_ROUTE_HANDSHAKE;
        return;
    }
    if (head->memory_short) {
        answer_memory(route, config); /* a GET may hold as much as a POST here */
        return;
    }
    route->spec = fg_registry_find(name);
    if (command == NULL || (route->spec == NULL && !fg_classic_is_own(command)) ||
        (route->spec != NULL && route->spec->debug && !config->debugreflect)) {
        answer(route, 404, "unknown wire protocol command: ", name);
        return;
    }
    route->kind = FG_ROUTE_CLASSIC;
    route->classic = command;
    route->posted = is_post(head);
    /* git-cinnabar says it twice where the arguments come in the body. */
    route->typed = summary->classic > 0 && summary->classic == summary->content_types;
    bool push = route->spec != NULL && route->spec->permission == FG_PERMISSION_PUSH;
    if (push && fg_route_permit_classic(config, head, FG_PERMISSION_PUSH, route)) {
        (void)fg_route_permit_classic_push(route);
    } else if (command->form == FG_CLASSIC_BATCH &&
               head->verdicts[FG_PERMISSION_PUSH] == FG_VERDICT_UNCHECKED) {
        route->kind = FG_ROUTE_LOGIN;
    }
    if (route->kind == FG_ROUTE_CLASSIC) {
        check_body_size(config, route);
    }
}

/* Rows up to "unknown API", and the commands of the classic transport. */
static void route_path(const struct fg_config *config, const struct fg_head *head,
                       const struct summary *summary, struct fg_route *route)
{
    struct path path;
    struct fg_bytes command;
    if (!split_path(path_of(head->target), &path)) {
        answer_text(route, 400, "the path does not start with a slash");
    } else if (path.count == 0 && fg_query_find(head->target, "cmd", &command)) {
        route_classic(config, head, summary, command, route);
    } else if (path.count == 0 || !part_is(&path, 0, "api")) {
        answer_text(route, 404, "nothing is here; the APIs are listed at /api");
    } else if (path.count == 1) {
        answer_text(route, 200, "APIs can be accessed at /api/<name>:\n\n" FG_API_NAME);
    } else if (!part_is(&path, 1, FG_API_NAME)) {
        answer(route, 404, "Unknown API: ", path.parts[1]);
        size_t size = strlen(route->message);
        snprintf(route->message + size, sizeof(route->message) - size, "known APIs:\n%s\n",
                 FG_API_NAME);
    } else {
        route_api(config, head, summary, &path, route);
    }
}

void fg_route(const struct fg_config *config, const struct fg_head *head,
              struct fg_route *ret_route)
{
    struct summary summary;
    /* Without the room for a message, which most do not use. */
    memset(ret_route, 0, offsetof(struct fg_route, message));
    ret_route->message[0] = '\0';
    ret_route->bound = FG_BOUND_UNCOUNTED;
    summarize(head, &summary);
    ret_route->argument_bytes = summary.argument_bytes;
    if (breaks_http(config, head, &summary, ret_route)) {
        return;
    }
    route_path(config, head, &summary, ret_route);

    bool readable = is_get(head) || is_post(head);
    if (ret_route->kind == FG_ROUTE_LOGIN) {
        return;
    }
    if ((ret_route->kind == FG_ROUTE_HANDSHAKE && !is_get(head)) ||
        (ret_route->status == 200 && !readable)) {
        answer_method(ret_route, "GET, HEAD", "this resource is for GET and HEAD");
    }
    if (ret_route->kind == FG_ROUTE_TEXT &&
        (!readable || summary.expect || ret_route->body_size > TAKE_IN_MAX)) {
        ret_route->at_once = true;
    }
}
