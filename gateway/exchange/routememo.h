/*
 * The last route that was found. Connections repeat themselves: what follows from a head that is
 * byte for byte the one before need not be found again, which is 1,300 instructions of the 7,000
 * that a small request costs beyond the library's own work.
 */
#ifndef FRAMEGATE_GATEWAY_ROUTEMEMO_H
#define FRAMEGATE_GATEWAY_ROUTEMEMO_H

#include "gateway/exchange/route.h"

enum { FG_MEMO_SIZE = 1024 }; /* bytes of method, target and fields; longer heads are not kept */

/* Zeroed: nothing is remembered. */
struct fg_route_memo {
    size_t target_size; /* 0: nothing is remembered */
    size_t fields_size;
    size_t fields_count;
    enum fg_verdict verdicts[FG_PERMISSION_PUSH + 1];
    struct fg_route route;      /* of kind COMMANDS; without its message */
    uint8_t head[FG_MEMO_SIZE]; /* the target, then the fields */
};

/*
 * As fg_route. The memo serves one configuration, and one thread at a time. Only POSTs of commands
 * whose head has nothing wrong with it are remembered.
 */
void fg_route_remembered(struct fg_route_memo *memo, const struct fg_config *config,
                         const struct fg_head *head, struct fg_route *ret_route);

#endif
