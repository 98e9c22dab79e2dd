/*
 * The same code as `framegate decode` and `framegate encode`, on bytes in memory.
 */
#include "gateway/admin/adminpost.h"

#include "gateway/admin/framejson.h"
#include "gateway/tools/json.h"
#include "gateway/tools/tools.h"

char *fg_admin_decode(struct fg_bytes body, unsigned *ret_status)
{
    bool malformed = false;
    json_t *document = fg_frames_json(body, &malformed);
    *ret_status = malformed ? 400 : 200;
    return fg_json_finish(document, document != NULL);
}

/* line 0: it is about no line. */
static char *error_document(const char *message, uint64_t line, size_t column)
{
    bool ok = true;
    json_t *root = json_object();
    json_t *error = json_object();
    fg_json_put(error, &ok, "message", fg_json_repaired(fg_bytes_from_string(message)));
    if (line > 0) {
        fg_json_put_number(error, &ok, "line", line);
        fg_json_put_number(error, &ok, "column", column);
    }
    fg_json_put(root, &ok, "error", error);
    return fg_json_finish(root, ok);
}

char *fg_admin_error(const char *message)
{
    return error_document(message, 0, 0);
}

enum fg_status fg_admin_encode(struct fg_bytes body, struct fg_buffer *frames, char **ret_document)
{
    const uint8_t *end = body.data + body.size;
    const uint8_t *at = body.data;
    for (uint64_t number = 1; at < end; number++) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *line_end = stop != NULL ? stop : end;
        struct fg_error error = {.offset = 0};
        enum fg_status status =
            fg_tool_encode_line((struct fg_bytes){at, (size_t)(line_end - at)}, frames, &error);
        if (status == FG_ERR_MEMORY) {
            return status;
        }
        if (status != FG_OK) {
            *ret_document = error_document(error.message, number, error.offset + 1);
            return FG_ERR_SYNTAX;
        }
        at = stop != NULL ? stop + 1 : end;
    }
    return FG_OK;
}
