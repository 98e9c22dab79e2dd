/*
 * The frame log: entries one behind the other, each rounded up to eight bytes.
 */
#include "gateway/state/framelog.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ALIGN = 8, MESSAGE_MAX = 255 };

void fg_frame_log_init(struct fg_frame_log *log, uint32_t ceiling, uint16_t payload_max,
                       bool keeps_secrets)
{
    memset(log, 0, offsetof(struct fg_frame_log, first));
    log->ceiling = ceiling;
    log->payload_max = payload_max;
    log->keeps_secrets = keeps_secrets;
}

void fg_frame_log_clear(struct fg_frame_log *log)
{
    if (log->data != log->first) {
        free(log->data);
    }
    log->data = NULL;
    log->size = 0;
    log->capacity = 0;
}

void fg_frame_log_move(struct fg_frame_log *from, struct fg_frame_log *to)
{
    memcpy(to, from, offsetof(struct fg_frame_log, first));
    if (from->data == from->first) {
        to->data = to->first;
        memcpy(to->first, from->first, from->size);
    }
    from->data = NULL;
    from->size = 0;
    from->capacity = 0;
}

enum fg_status fg_frame_log_copy(const struct fg_frame_log *log, struct fg_frame_log *ret_copy)
{
    uint8_t *data = NULL;
    if (log->size > 0) {
        data = malloc(log->size);
        if (data == NULL) {
            return FG_ERR_MEMORY;
        }
        memcpy(data, log->data, log->size);
    }
    memcpy(ret_copy, log, offsetof(struct fg_frame_log, first));
    ret_copy->data = data;
    ret_copy->capacity = log->size;
    return FG_OK;
}

/* -- adding ------------------------------------------------------------------------------------ */

static uint32_t rounded(size_t size)
{
    return (uint32_t)((size + ALIGN - 1) / ALIGN * ALIGN);
}

/* Room for size more bytes, below the limit; NULL if there is none. */
static uint8_t *reserve(struct fg_frame_log *log, uint32_t size, uint32_t limit)
{
    if (size > limit || log->size > limit - size) {
        return NULL;
    }
    uint32_t needed = log->size + size;
    if (log->data == NULL && needed <= sizeof(log->first)) {
        log->data = log->first;
        log->capacity = sizeof(log->first);
    }
    if (needed > log->capacity) {
        uint32_t capacity = 2 * needed;
        uint8_t *data = realloc(log->data == log->first ? NULL : log->data, capacity);
        if (data == NULL) {
            return NULL;
        }
        if (log->data == log->first) {
            memcpy(data, log->first, log->size);
        }
        log->data = data;
        log->capacity = capacity;
    }
    return log->data + log->size;
}

/*
 * Field by field: put together elsewhere and copied in larger pieces, the copy would wait for the
 * stores before it, which cost more than all else here.
 */
static void put_entry(const struct fg_frame_log_entry *entry, uint8_t *space)
{
#define PUT(field)                                                                                 \
    memcpy(space + offsetof(struct fg_frame_log_entry, field), &entry->field, sizeof(entry->field))
    PUT(at);
    PUT(number);
    PUT(header);
    PUT(kept);
    PUT(message_size);
    PUT(event);
    PUT(action);
    PUT(state);
    PUT(judged);
    PUT(withheld);
#undef PUT
}

void fg_frame_log_add(struct fg_frame_log *log, struct fg_frame_log_entry *entry,
                      const uint8_t *payload, const char *message)
{
    if (log->ceiling == 0) {
        return;
    }
    entry->number = ++log->count;
    entry->judged = log->current_judged;
    entry->withheld = log->current_secret;
    log->current_judged = false;
    log->current_secret = false;
    uint32_t kept =
        entry->header.length < log->payload_max ? entry->header.length : log->payload_max;
    entry->kept = (uint16_t)(entry->withheld ? 0 : kept);
    entry->message_size = (uint16_t)(message != NULL ? strnlen(message, MESSAGE_MAX) : 0);
    bool failure = message != NULL || (entry->event == FG_EVENT_FRAME_OUT &&
                                       entry->header.type == FG_FRAME_ERROR_RESPONSE);
    uint32_t size = rounded(sizeof(*entry) + entry->kept + entry->message_size);
    uint32_t reserved = failure || log->ceiling < FG_FRAME_LOG_RESERVE ? 0 : FG_FRAME_LOG_RESERVE;
    uint8_t *space = reserve(log, size, log->ceiling - reserved);
    if (space == NULL) {
        return;
    }
    put_entry(entry, space);
    if (entry->kept > 0) {
        memcpy(space + sizeof(*entry), payload, entry->kept);
    }
    if (entry->message_size > 0) {
        memcpy(space + sizeof(*entry) + entry->kept, message, entry->message_size);
    }
    log->size += size;
}

/* -- reading ----------------------------------------------------------------------------------- */

/* The entry at *position, which is moved on; *ret_bytes are its payload and, after it, message. */
static bool read_entry(const struct fg_frame_log *log, uint32_t *position,
                       struct fg_frame_log_entry *ret_entry, uint8_t **ret_bytes)
{
    if (*position >= log->size) {
        return false;
    }
    memcpy(ret_entry, log->data + *position, sizeof(*ret_entry));
    *ret_bytes = log->data + *position + sizeof(*ret_entry);
    *position += rounded(sizeof(*ret_entry) + ret_entry->kept + ret_entry->message_size);
    return true;
}

static bool is_request(const struct fg_frame_log_entry *entry)
{
    return entry->event == FG_EVENT_FRAME_IN && entry->header.type == FG_FRAME_COMMAND_REQUEST;
}

/* -- secrets ----------------------------------------------------------------------------------- */

static const char *const secret_words[] = {"passw",      "passphrase",    "secret", "token",
                                           "credential", "authorization", "cookie"};

/* True if the bytes contain the word, in letters of any case. */
static bool contains(struct fg_bytes bytes, const char *word)
{
    const size_t size = strlen(word);
    for (size_t i = 0; i + size <= bytes.size; i++) {
        if ((bytes.data[i] | 0x20) == word[0] &&
            strncasecmp((const char *)bytes.data + i, word, size) == 0) {
            return true;
        }
    }
    return false;
}

bool fg_is_secret_name(struct fg_bytes name)
{
    for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++) {
        if (contains(name, secret_words[i])) {
            return true;
        }
    }
    return false;
}

static bool has_secret(const struct fg_command *command)
{
    const struct fg_cbor_item *items = command->request.items;
    if (command->args == 0) {
        return false;
    }
    uint32_t key = command->args + 1;
    for (uint64_t i = 0; i < items[command->args].count; i++) {
        if (items[key].type == FG_CBOR_BYTES && fg_is_secret_name(items[key].string)) {
            return true;
        }
        key = items[items[key].next].next; /* behind the value */
    }
    return false;
}

void fg_frame_log_judge(struct fg_frame_log *log, const struct fg_command *command, bool alone)
{
    if (log->ceiling == 0) {
        return;
    }
    log->current_judged = true;
    log->current_secret = !log->keeps_secrets && has_secret(command);
    uint32_t position = 0;
    for (uint32_t at = 0; !alone && at < log->size; at = position) {
        struct fg_frame_log_entry entry;
        uint8_t *bytes = NULL;
        (void)read_entry(log, &position, &entry, &bytes);
        if (is_request(&entry) && !entry.judged && entry.header.requestid == command->requestid) {
            entry.judged = true;
            entry.withheld = log->current_secret;
            if (entry.withheld) {
                /* Its place stays as long as it is. */
                memset(bytes, 0, entry.kept);
            }
            memcpy(log->data + at, &entry, sizeof(entry));
        }
    }
}

/*
 * A request that is not complete: true if its frames up to this entry may tell a secret, because a
 * word for one is in what was kept, also across frames, or because an earlier frame was cut.
 */
static bool may_be_secret(const struct fg_frame_log *log, const struct fg_frame_log_entry *wanted)
{
    struct fg_buffer text = FG_BUFFER_INIT(SIZE_MAX / 4);
    uint32_t position = 0;
    struct fg_frame_log_entry entry;
    uint8_t *bytes = NULL;
    bool secret = false;
    while (!secret && read_entry(log, &position, &entry, &bytes)) {
        if (!is_request(&entry) || entry.judged ||
            entry.header.requestid != wanted->header.requestid) {
            continue;
        }
        secret = (entry.number < wanted->number && entry.kept < entry.header.length) ||
                 fg_buffer_append(&text, bytes, entry.kept) != FG_OK;
    }
    secret = secret || fg_is_secret_name(fg_buffer_view(&text));
    fg_buffer_free(&text);
    return secret;
}

enum fg_status fg_frame_log_next(const struct fg_frame_log *log, uint32_t *position,
                                 struct fg_frame_log_entry *ret_entry, struct fg_bytes *ret_payload,
                                 struct fg_bytes *ret_message)
{
    struct fg_frame_log_entry entry;
    uint8_t *bytes = NULL;
    if (!read_entry(log, position, &entry, &bytes)) {
        return FG_END;
    }
    *ret_message = (struct fg_bytes){bytes + entry.kept, entry.message_size};
    if (is_request(&entry) && !entry.judged && !log->keeps_secrets) {
        entry.withheld = may_be_secret(log, &entry);
    }
    if (entry.withheld) {
        entry.kept = 0;
    }
    *ret_payload = (struct fg_bytes){bytes, entry.kept};
    *ret_entry = entry;
    return FG_OK;
}
