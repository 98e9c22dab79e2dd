/*
 * What the handlers that write share: a real Mercurial serves their request, since locks,
 * transactions and hooks are its own. It sees the request as hgweb does (handlers/hgrequest.py).
 */
#ifndef FRAMEGATE_HANDLERS_HGPROGRAM_H
#define FRAMEGATE_HANDLERS_HGPROGRAM_H

#include "framing/buffer.h"
#include "handlers/handler.h"
#include "handlers/repo/repository.h"

/* A request of Mercurial's HTTP protocol. All borrowed. */
struct fg_hg_request {
    const char *command;            /* "unbundle", "pushkey" */
    const struct fg_caller *caller; /* as in struct fg_call; NULL: nobody in particular */
    int body;                       /* a file: the arguments as a form, then the command's data */
    uint64_t body_size;
    uint64_t arguments_size; /* of that, the arguments */
    unsigned seconds;        /* that hg may take */
};

/* Appends an argument to a form. Errors as fg_buffer_append. */
enum fg_status fg_hg_put_argument(struct fg_buffer *form, const char *name, struct fg_bytes value);

/*
 * Has hg serve the request, appends the body of its answer to *answer, and looks what it did to the
 * repository. What hg wrote to its standard error the operator is told. FG_ERR_ARGUMENT: hg
 * refuses, and error has its words; FG_ERR_IO: hg failed or cannot be run, error has the message in
 * what it said; FG_ERR_LIMIT: the time is up, or the answer is larger than answer may be;
 * FG_ERR_STATE: writers are stopped; FG_ERR_MEMORY.
 */
enum fg_status fg_hg_serve(struct fg_repository *repository, const struct fg_hg_request *request,
                           struct fg_buffer *answer, struct fg_error *error);

#endif
