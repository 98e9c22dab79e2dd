/*
 * Commands that take their data piece by piece: from the moment at which their request is complete
 * until their data has ended.
 */
#include "gateway/exchange/exchange_internal.h"

#include <stdlib.h>

struct fg_delivery {
    struct fg_delivery *next;
    uint16_t requestid;
    const struct fg_command_spec *spec;
    uint64_t start; /* when the request was complete */
    uint64_t bytes_in;
    void *context;         /* the taker's; freed if status is a failure */
    enum fg_status status; /* a failure is answered when the data has ended */
    struct fg_error error;
};

/* Ends the taking of data; what comes of it is dropped. */
static void fail(struct fg_delivery *delivery, enum fg_status status)
{
    delivery->status = status;
    delivery->spec->taker->cancel(delivery->context);
    if (delivery->error.message[0] == '\0') {
        fg_fail(&delivery->error, status, 0, "%s", fg_status_text(status));
    }
}

static void take(struct fg_exchange *exchange, struct fg_delivery *delivery, struct fg_bytes piece)
{
    if (delivery->status == FG_OK && piece.size > 0) {
        enum fg_status status =
            delivery->spec->taker->take(delivery->context, piece, &delivery->error);
        if (status != FG_OK) {
            if (status == FG_ERR_LIMIT) {
                fg_shard_count_bound(exchange->shard, FG_BOUND_BUNDLE);
            }
            fail(delivery, status);
        }
    }
}

static enum fg_status begin(struct fg_exchange *exchange, struct fg_delivery *delivery,
                            const struct fg_command *command)
{
    struct fg_call call;
    enum fg_status status = fg_exchange_check(exchange, delivery->spec, command, &delivery->error);
    for (const struct fg_delivery *other = delivery->next; other != NULL; other = other->next) {
        if (status == FG_OK && other->status == FG_OK && delivery->spec->taker->alone &&
            other->spec->taker->alone) {
            status = fg_fail(&delivery->error, FG_ERR_LIMIT, 0,
                             "%s: request %u is sending its data, and only one may at once",
                             delivery->spec->name, other->requestid);
        }
    }
    if (status == FG_OK) {
        status = fg_exchange_call(exchange, delivery->spec, command, &call, &delivery->error);
    }
    return status == FG_OK
               ? delivery->spec->taker->begin(&call, &delivery->context, &delivery->error)
               : status;
}

enum fg_status fg_exchange_begin_data(struct fg_exchange *exchange,
                                      const struct fg_command_spec *spec,
                                      const struct fg_command *command)
{
    struct fg_delivery *delivery = calloc(1, sizeof(*delivery));
    if (delivery == NULL) {
        return FG_ERR_MEMORY;
    }
    delivery->requestid = command->requestid;
    delivery->spec = spec;
    delivery->start = exchange->now;
    delivery->bytes_in = fg_command_encoded(command).size + command->data.size;
    delivery->next = exchange->deliveries;
    exchange->deliveries = delivery;
    delivery->status = begin(exchange, delivery, command);
    /* What came before the request was complete. */
    take(exchange, delivery, fg_buffer_view(&command->data));
    return delivery->status == FG_ERR_MEMORY ? FG_ERR_MEMORY : FG_OK;
}

/* The command has ended. Frees the delivery. */
static void deliver(struct fg_exchange *exchange, struct fg_delivery *delivery,
                    struct fg_reply *reply)
{
    if (delivery->status != FG_OK && delivery->error.message[0] == '\0') {
        fg_fail(&delivery->error, FG_OK, 0, "%s", fg_status_text(delivery->status));
    }
    fg_exchange_deliver(exchange, delivery->spec, delivery->requestid, delivery->status, reply,
                        &delivery->error);
    free(delivery);
}

/* Needs no lock: only this thread works on the exchange. */
static void end(struct fg_exchange *exchange, struct fg_delivery *delivery,
                struct fg_reply *ret_reply)
{
    delivery->error.message[0] = '\0';
    delivery->status = delivery->spec->taker->end(delivery->context, ret_reply, &delivery->error);
    if (delivery->spec->permission == FG_PERMISSION_PUSH) {
        /* It may have changed the repository: the next command sees the new state. */
        fg_snapshot_unref(exchange->snapshot);
        exchange->snapshot = NULL;
    }
}

/* All data came. Frees the delivery, or leaves it for a worker. */
static void answer(struct fg_exchange *exchange, struct fg_delivery *delivery)
{
    struct fg_reply reply = {0};
    if (exchange->route.spec != NULL && exchange->commands > 0) {
        if (delivery->status == FG_OK) {
            delivery->spec->taker->cancel(delivery->context);
        }
        struct fg_error error;
        fg_fail(&error, FG_ERR_ARGUMENT, 0, "the URL allows one command %s only",
                delivery->spec->name);
        fg_exchange_protocol_error(exchange, delivery->requestid, error.message);
        free(delivery);
        return;
    }
    fg_exchange_count_command(exchange, delivery->spec);
    exchange->running.bytes_in = delivery->bytes_in;
    exchange->running.microseconds = delivery->start;
    if (delivery->status == FG_OK && delivery->spec->slow) {
        exchange->ending = delivery;
        exchange->phase = FG_PHASE_RUNNING;
        return;
    }
    if (delivery->status == FG_OK) {
        end(exchange, delivery, &reply);
    }
    deliver(exchange, delivery, &reply);
}

const struct fg_command_spec *fg_exchange_ending_spec(const struct fg_exchange *exchange)
{
    return exchange->ending->spec;
}

void fg_exchange_end_data(struct fg_exchange *exchange)
{
    struct fg_delivery *delivery = exchange->ending;
    struct fg_reply reply = {0};
    end(exchange, delivery, &reply);
    pthread_mutex_lock(&exchange->shard->lock);
    if (delivery->status == FG_ERR_LIMIT) {
        fg_shard_count_bound(exchange->shard, FG_BOUND_PUSH_TIME);
    }
    exchange->ending = NULL;
    exchange->phase = FG_PHASE_BODY;
    deliver(exchange, delivery, &reply);
    pthread_mutex_unlock(&exchange->shard->lock);
}

void fg_exchange_refuse_data(struct fg_exchange *exchange, const char *message)
{
    struct fg_delivery *delivery = exchange->ending;
    delivery->spec->taker->cancel(delivery->context);
    delivery->status = fg_fail(&delivery->error, FG_ERR_LIMIT, 0, "%s", message);
    exchange->ending = NULL;
    exchange->phase = FG_PHASE_BODY;
    deliver(exchange, delivery, NULL);
}

void fg_exchange_take_data(struct fg_exchange *exchange, const struct fg_action *action)
{
    struct fg_delivery **link = &exchange->deliveries;
    while (*link != NULL && (*link)->requestid != action->requestid) {
        link = &(*link)->next;
    }
    struct fg_delivery *delivery = *link;
    if (delivery == NULL) {
        return;
    }
    delivery->bytes_in += action->data.size;
    take(exchange, delivery, action->data);
    if (action->data_eos) {
        *link = delivery->next;
        answer(exchange, delivery);
    }
}

void fg_exchange_clear_data(struct fg_exchange *exchange)
{
    if (exchange->ending != NULL) {
        exchange->ending->next = exchange->deliveries;
        exchange->deliveries = exchange->ending;
        exchange->ending = NULL;
    }
    while (exchange->deliveries != NULL) {
        struct fg_delivery *delivery = exchange->deliveries;
        exchange->deliveries = delivery->next;
        if (delivery->status == FG_OK) {
            delivery->spec->taker->cancel(delivery->context);
        }
        free(delivery);
    }
}
