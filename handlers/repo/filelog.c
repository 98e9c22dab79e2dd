/* Filelogs: the path is encoded as the repository's requirements have it, and opened. */
#include "handlers/repo/filelog.h"

#include "handlers/repo/storepath.h"

/* "data/" and the path and ".i", plain and then encoded with a final NUL; *ret_name points there.
 */
static enum fg_status encode(const struct fg_layout *layout, struct fg_bytes path,
                             struct fg_buffer *name, const char **ret_name)
{
    fg_buffer_reset(name);
    enum fg_status status = fg_buffer_append_string(name, "data/");
    if (status == FG_OK) {
        status = fg_buffer_append(name, path.data, path.size);
    }
    if (status == FG_OK) {
        status = fg_buffer_append_string(name, ".i");
    }
    size_t plain = name->size;
    uint8_t *room;
    if (status == FG_OK) {
        /* An encoded name has at most three bytes for one: the plain one must not move meanwhile.
         */
        status = fg_buffer_reserve(name, plain * 4 + 64, &room);
    }
    if (status == FG_OK) {
        status =
            fg_storepath_encode((struct fg_bytes){name->data, plain}, layout->requirements, name);
    }
    if (status == FG_OK) {
        status = fg_buffer_append_byte(name, '\0');
    }
    if (status == FG_OK) {
        *ret_name = (const char *)name->data + plain;
    }
    return status;
}

const char *fg_filelog_name(const struct fg_buffer *name, struct fg_bytes path)
{
    size_t plain = sizeof "data/.i" - 1 + path.size;
    bool whole = name->size > plain && name->data[name->size - 1] == '\0';
    return whole ? (const char *)name->data + plain : "";
}

enum fg_status fg_filelog_open(const struct fg_layout *layout, struct fg_bytes path,
                               struct fg_buffer *name, struct fg_revlog **ret_revlog,
                               struct fg_error *error)
{
    const char *encoded;
    enum fg_status status = encode(layout, path, name, &encoded);
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "no memory for the name of a file");
    }
    struct fg_revlog *revlog;
    status = fg_revlog_open(layout->store, encoded, &revlog, error);
    if (status != FG_OK) {
        return status;
    }
    if (fg_revlog_count(revlog) == 0) {
        fg_revlog_close(revlog);
        return fg_fail(error, FG_ERR_CORRUPT, 0, "the data of %.*s is missing", (int)path.size,
                       (const char *)path.data);
    }
    *ret_revlog = revlog;
    return FG_OK;
}
