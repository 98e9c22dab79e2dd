/*
 * What is to be done with a request, from its head alone: the HTTP table of the protocol, row by
 * row and in its order, behind the rules that keep HTTP itself unambiguous. A pure function.
 *
 * Before the table, since a request whose body cannot be told from the next request must not be
 * read at all:
 *
 *   target over the limit                                       414
 *   header fields over a limit, or arguments in them            431
 *   a field name that is no token, a NUL in the target          400
 *   a method other than GET, HEAD and POST                      405
 *   GET or HEAD with a body                                     400
 *   POST with Transfer-Encoding, or without exactly one
 *     Content-Length of digits                                  411
 *   too many requests of one client behind a proxy              429
 *   memory in flight over its limit                             503
 */
#ifndef FRAMEGATE_GATEWAY_ROUTE_H
#define FRAMEGATE_GATEWAY_ROUTE_H

#include "gateway/config/config.h"
#include "gateway/exchange/classic.h"
#include "handlers/handler.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FG_MEDIA_TYPE "application/mercurial-exp-framing-0003"
#define FG_API_NAME   "exp-http-v2-0001"

/* One header field; borrowed. */
struct fg_field {
    struct fg_bytes name;
    struct fg_bytes value;
};

/* Whether whoever sent a request may; gateway/access/access.h says how that comes about. */
enum fg_verdict {
    FG_VERDICT_ALLOWED,
    FG_VERDICT_DENIED,    /* 403: a list of who may not has them */
    FG_VERDICT_UNLISTED,  /* 403: the list of who may has others */
    FG_VERDICT_CLOSED,    /* 403: nobody may push, whoever it is */
    FG_VERDICT_NAMELESS,  /* 403: it depends on the name, and there is nothing to prove one by */
    FG_VERDICT_INSECURE,  /* 403: not without TLS */
    FG_VERDICT_UNKNOWN,   /* 401 */
    FG_VERDICT_UNCHECKED, /* that is not known before the password has been checked */
    FG_VERDICT_BUSY,      /* 503: too many passwords are being checked */
};

/* The head of a request, and the circumstances that decide with it. All borrowed. */
struct fg_head {
    struct fg_bytes method;
    struct fg_bytes version; /* for the log alone */
    struct fg_bytes target;  /* path and query as sent, nothing decoded */
    bool target_cut;         /* bytes of the target were lost (a NUL) */
    bool fields_cut;         /* bytes of a field were lost (a NUL), or it is folded */
    const struct fg_field *fields;
    size_t fields_count;
    bool fields_together; /* they lie as they came, each name and value with a mark behind it */
    bool secure;          /* it came over TLS */
    enum fg_verdict verdicts[FG_PERMISSION_PUSH + 1]; /* by permission: whether they may */
    const char *user;  /* who it is, printable; NULL or empty if that is not known */
    bool memory_short; /* new work is refused */
    bool crowded;      /* as many requests of whom a proxy names are in progress as may be */
};

enum fg_route_kind {
    FG_ROUTE_TEXT,      /* answer with status and message as text/plain */
    FG_ROUTE_COMMANDS,  /* feed the body to a reactor and run what it asks for */
    FG_ROUTE_REFLECT,   /* debugreflect: show what a reactor makes of the body */
    FG_ROUTE_HANDSHAKE, /* ?cmd=capabilities */
    FG_ROUTE_CLASSIC,   /* any other ?cmd= on the root */
    FG_ROUTE_LOGIN,     /* check the password, then ask again */
};

enum { FG_ROUTE_MESSAGE_SIZE = 512 };

struct fg_route {
    enum fg_route_kind kind;
    uint16_t status;               /* TEXT */
    bool at_once;                  /* TEXT: answer before the body, and close; else take it in */
    enum fg_bound bound;           /* the bound that was reached, or FG_BOUND_UNCOUNTED */
    const char *allow;             /* TEXT: value of an Allow field, or NULL. Static */
    bool authenticate;             /* TEXT: with WWW-Authenticate */
    bool tells_hg;                 /* TEXT: say it so that hg shows it */
    uint64_t body_size;            /* what Content-Length says */
    uint64_t argument_bytes;       /* of arguments in header fields */
    enum fg_permission permission; /* COMMANDS: PUSH through rw */
    const struct fg_command_spec *spec;       /* COMMANDS: the one command; NULL: multirequest */
    const struct fg_classic_command *classic; /* CLASSIC: the command */
    bool posted;                              /* CLASSIC: by POST */
    bool typed;                               /* CLASSIC: with the transport's own Content-Type */
    char message[FG_ROUTE_MESSAGE_SIZE];      /* TEXT; printable, ends with a line break */
};

/* Fills *ret_route. Cannot fail. */
void fg_route(const struct fg_config *config, const struct fg_head *head,
              struct fg_route *ret_route);

/* True if text, which has as many bytes as lower_case, is the same but for case. */
bool fg_equal_caseless(struct fg_bytes text, const char *lower_case);

/*
 * True if the field has this name (lower case). Inline, so that the name's size is known: nearly
 * all fields differ from it in that already.
 */
static inline bool fg_field_is(const struct fg_field *field, const char *name)
{
    return field->name.size == strlen(name) && fg_equal_caseless(field->name, name);
}

/* The first field with this name (lower case); NULL if there is none. */
static inline const struct fg_field *fg_head_find(const struct fg_head *head, const char *name)
{
    for (size_t i = 0; i < head->fields_count; i++) {
        if (fg_field_is(&head->fields[i], name)) {
            return &head->fields[i];
        }
    }
    return NULL;
}

/*
 * Appends the values of NAME-1, NAME-2, … (lower case) as far as they go without a gap, in whatever
 * order they came: so Mercurial sends what does not fit in one field. FG_ERR_LIMIT from the buffer;
 * FG_ERR_MEMORY.
 */
enum fg_status fg_head_join(const struct fg_head *head, const char *name, struct fg_buffer *value);

/*
 * The row "not allowed". False if they may not, or that is not known yet; route then says what, and
 * by which rule. Of head only verdicts and user are read.
 */
bool fg_route_permit(const struct fg_config *config, const struct fg_head *head,
                     enum fg_permission permission, struct fg_route *route);

/*
 * The same for the classic transport. hg shows nothing of an answer with status 403 but the number,
 * so what is refused for good is told as errors of commands are (tells_hg).
 */
bool fg_route_permit_classic(const struct fg_config *config, const struct fg_head *head,
                             enum fg_permission permission, struct fg_route *route);

/* True if the request may push as hgweb lets requests push. If not, route says why. */
bool fg_route_permit_classic_push(struct fg_route *route);

/* What follows the '?' of a target; empty if there is none. */
struct fg_bytes fg_target_query(struct fg_bytes target);

/* The value of the query's first key of this name, both undecoded. False if there is none. */
bool fg_query_find(struct fg_bytes target, const char *key, struct fg_bytes *ret_value);

#endif
