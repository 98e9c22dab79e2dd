/*
 * A head is compared as the bytes that lie in memory from the first field's name to the end of the
 * last value: whoever read them put a mark behind each name and each value, so equal bytes are
 * equal fields.
 */
#include "gateway/exchange/routememo.h"

#include <stddef.h>
#include <string.h>

/* The fields' bytes; empty if the head is not one to remember. */
static struct fg_bytes fields_of(const struct fg_head *head)
{
    if (!head->fields_together || head->fields_count == 0 || head->target_cut || head->fields_cut ||
        head->memory_short || head->crowded || !fg_bytes_equal_string(head->method, "POST")) {
        return (struct fg_bytes){NULL, 0};
    }
    const uint8_t *start = head->fields[0].name.data;
    const struct fg_bytes *last = &head->fields[head->fields_count - 1].value;
    return (struct fg_bytes){start, (size_t)(last->data + last->size - start)};
}

static bool is_same(const struct fg_route_memo *memo, const struct fg_head *head,
                    struct fg_bytes fields)
{
    return memo->target_size == head->target.size && memo->fields_size == fields.size &&
           memo->fields_count == head->fields_count &&
           memcmp(memo->verdicts, head->verdicts, sizeof(memo->verdicts)) == 0 &&
           memcmp(memo->head, head->target.data, head->target.size) == 0 &&
           memcmp(memo->head + head->target.size, fields.data, fields.size) == 0;
}

static void copy_route(const struct fg_route *from, struct fg_route *to)
{
    memcpy(to, from, offsetof(struct fg_route, message));
    to->message[0] = '\0';
}

static void remember(struct fg_route_memo *memo, const struct fg_head *head, struct fg_bytes fields,
                     const struct fg_route *route)
{
    memo->target_size = head->target.size;
    memo->fields_size = fields.size;
    memo->fields_count = head->fields_count;
    memcpy(memo->verdicts, head->verdicts, sizeof(memo->verdicts));
    memcpy(memo->head, head->target.data, head->target.size);
    memcpy(memo->head + head->target.size, fields.data, fields.size);
    copy_route(route, &memo->route);
}

void fg_route_remembered(struct fg_route_memo *memo, const struct fg_config *config,
                         const struct fg_head *head, struct fg_route *ret_route)
{
    struct fg_bytes fields = fields_of(head);
    if (fields.size > 0 && is_same(memo, head, fields)) {
        copy_route(&memo->route, ret_route);
        return;
    }
    fg_route(config, head, ret_route);
    /* Nobody's password is to lie about here. */
    if (ret_route->kind == FG_ROUTE_COMMANDS && fields.size > 0 &&
        fg_head_find(head, "authorization") == NULL && head->target.size > 0 &&
        head->target.size <= FG_MEMO_SIZE && fields.size <= FG_MEMO_SIZE - head->target.size) {
        remember(memo, head, fields, ret_route);
    }
}
