/*
 * Answers of the admin listener: every one of them carries the fields that keep a browser from
 * doing what it was not asked to.
 */
#ifndef FRAMEGATE_GATEWAY_ADMINANSWER_H
#define FRAMEGATE_GATEWAY_ADMINANSWER_H

#include "framing/buffer.h"

#include <microhttpd.h>

#define FG_TYPE_TEXT    "text/plain; charset=utf-8"
#define FG_TYPE_JSON    "application/json"
#define FG_TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

/* An answer that is made. Fields that are NULL or false are left out. */
struct fg_admin_answer {
    unsigned status;
    const char *type;
    struct fg_bytes body;
    bool owned; /* body is freed once it was sent */
    const char *allow;
    const char *etag;     /* then the answer may be kept and asked for again */
    const char *encoding; /* Content-Encoding */
    bool challenge;       /* WWW-Authenticate */
};

/* Sends it. Takes an owned body over, also on failure, which is MHD_NO. */
enum MHD_Result fg_admin_send(struct MHD_Connection *transport,
                              const struct fg_admin_answer *answer);

/* Sends a line of text, which is static. */
enum MHD_Result fg_admin_send_text(struct MHD_Connection *transport, unsigned status,
                                   const char *text);

/* Sends JSON, which is taken over; NULL: memory was short, and that is what is said. */
enum MHD_Result fg_admin_send_json(struct MHD_Connection *transport, unsigned status, char *text);

/* Adds the fields that all answers have. False if memory is short. */
bool fg_admin_add_fields(struct MHD_Response *response, const struct fg_admin_answer *answer);

#endif
