/*
 * The pump: a ring of bytes between the job that fills it and the consumer that empties it. Only
 * the job writes to the free part and only the consumer reads the filled one; where they meet is
 * under the lock.
 */
#include "gateway/exchange/pump.h"

#include "handlers/patience.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TURN_BYTES = 8 * FG_PUMP_SIZE };

struct pump {
    pthread_mutex_t lock;
    struct fg_workers *workers;
    struct fg_holding holding;
    struct fg_source source; /* the job's */
    struct fg_job job;
    struct fg_wait *wait;
    size_t start; /* of what is filled */
    size_t size;
    size_t turn;                 /* bytes that the job has read in its turn */
    enum fg_status ended;        /* FG_OK: not yet */
    bool active;                 /* the job waits for a worker or runs */
    bool abandoned;              /* the consumer is gone: the job frees the pump */
    void (*wake)(void *context); /* NULL: nobody waits */
    void *wake_context;
    uint8_t ring[FG_PUMP_SIZE];
};

static void free_pump(struct pump *pump)
{
    fg_source_destroy(&pump->source);
    fg_holding_set(&pump->holding, 0);
    pthread_mutex_destroy(&pump->lock);
    free(pump);
}

/* -- the job ---------------------------------------------------------------------------------- */

/* The free bytes that lie in one piece behind what is filled. */
static size_t free_piece(struct pump *pump, uint8_t **ret_piece)
{
    size_t end = (pump->start + pump->size) % FG_PUMP_SIZE;
    size_t left = FG_PUMP_SIZE - pump->size;
    *ret_piece = pump->ring + end;
    return left < FG_PUMP_SIZE - end ? left : FG_PUMP_SIZE - end;
}

/*
 * Wakes the consumer. False if it does not wait. With the lock held, but for the call, in which the
 * consumer may have emptied the ring.
 */
static bool wake_consumer(struct pump *pump)
{
    void (*wake)(void *context) = pump->wake;
    void *wake_context = pump->wake_context;
    if (wake == NULL) {
        return false;
    }
    pump->wake = NULL;
    pthread_mutex_unlock(&pump->lock);
    /* Who waits is asleep until this call, and the pump lives as long as its job. */
    wake(wake_context);
    pthread_mutex_lock(&pump->lock);
    return true;
}

/* One reading of the source. True if the job goes on. With the lock held, but for the reading. */
static bool fill_once(struct pump *pump)
{
    uint8_t *piece;
    size_t room = free_piece(pump, &piece);
    if (room == 0 || pump->abandoned || pump->ended != FG_OK) {
        return false;
    }
    pthread_mutex_unlock(&pump->lock);
    size_t size = 0;
    fg_patience_renew(); /* a reply may take as long as its peer does, each piece of it may not */
    enum fg_status status = fg_source_read(&pump->source, piece, room, &size);
    pthread_mutex_lock(&pump->lock);
    if (status == FG_OK) {
        pump->size += size;
        pump->turn += size;
        if (pump->size >= FG_PUMP_SIZE / 2) {
            (void)wake_consumer(pump);
        }
    } else {
        /* A source that waits for somebody else would be lost here. */
        pump->ended = status == FG_PENDING ? FG_ERR_IO : status;
    }
    return true;
}

/*
 * A consumer that keeps up would have the worker for as long as the source lasts: after so many
 * bytes it is the others' turn. True if the job is to be called again. With the lock held.
 */
static bool give_turn(struct pump *pump)
{
    (void)wake_consumer(pump);
    if (pump->abandoned || pump->ended != FG_OK || pump->size == FG_PUMP_SIZE) {
        return false;
    }
    if (!fg_workers_push(pump->workers, &pump->job)) {
        pump->ended = FG_ERR_STATE;
        (void)wake_consumer(pump);
        return false;
    }
    return true;
}

static void run(void *context)
{
    struct pump *pump = context;
    pthread_mutex_lock(&pump->lock);
    pump->turn = 0;
    do {
        while (pump->turn < TURN_BYTES && fill_once(pump)) {
        }
    } while (pump->turn < TURN_BYTES && wake_consumer(pump));
    if (pump->turn >= TURN_BYTES && give_turn(pump)) {
        pthread_mutex_unlock(&pump->lock);
        return;
    }
    pump->active = false;
    bool abandoned = pump->abandoned;
    pthread_mutex_unlock(&pump->lock);
    if (abandoned) {
        free_pump(pump);
    }
}

/* -- the consumer ----------------------------------------------------------------------------- */

/* Has the job run, if there is something for it to do. With the lock held. */
static void start_job(struct pump *pump)
{
    if (!pump->active && pump->ended == FG_OK && pump->size <= FG_PUMP_SIZE / 2) {
        pump->active = true;
        if (!fg_workers_push(pump->workers, &pump->job)) {
            pump->active = false;
            pump->ended = FG_ERR_STATE;
        }
    }
}

static size_t take(struct pump *pump, uint8_t *buffer, size_t capacity)
{
    size_t taken = 0;
    while (taken < capacity && pump->size > 0) {
        size_t piece = FG_PUMP_SIZE - pump->start;
        piece = piece < pump->size ? piece : pump->size;
        piece = piece < capacity - taken ? piece : capacity - taken;
        memcpy(buffer + taken, pump->ring + pump->start, piece);
        pump->start = (pump->start + piece) % FG_PUMP_SIZE;
        pump->size -= piece;
        taken += piece;
    }
    return taken;
}

static bool arm(void *context, void (*wake)(void *context), void *wake_context)
{
    struct pump *pump = context;
    pthread_mutex_lock(&pump->lock);
    bool waits = pump->active && pump->size == 0;
    if (waits) {
        pump->wake = wake;
        pump->wake_context = wake_context;
    }
    pthread_mutex_unlock(&pump->lock);
    return waits;
}

static enum fg_status read_ahead(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct pump *pump = context;
    pthread_mutex_lock(&pump->lock);
    size_t taken = take(pump, buffer, capacity);
    start_job(pump);
    enum fg_status ended = pump->ended;
    pthread_mutex_unlock(&pump->lock);
    if (taken > 0) {
        *ret_size = taken;
        return FG_OK;
    }
    if (ended == FG_OK) {
        *pump->wait = (struct fg_wait){arm, pump};
        return FG_PENDING;
    }
    return ended;
}

static void destroy(void *context)
{
    struct pump *pump = context;
    pthread_mutex_lock(&pump->lock);
    bool active = pump->active;
    pump->abandoned = true;
    pump->wake = NULL;
    pthread_mutex_unlock(&pump->lock);
    if (!active) {
        free_pump(pump);
    }
}

enum fg_status fg_pump_new(struct fg_workers *workers, struct fg_memory *memory,
                           struct fg_source *source, struct fg_wait *wait,
                           struct fg_source *ret_source)
{
    if (workers == NULL) {
        struct fg_source same = *source;
        *source = fg_source_empty();
        *ret_source = same;
        return FG_OK;
    }
    /* Not calloc: the ring is written before it is read. */
    struct pump *pump = malloc(sizeof(*pump));
    if (pump == NULL) {
        fg_source_destroy(source);
        return FG_ERR_MEMORY;
    }
    memset(pump, 0, offsetof(struct pump, ring));
    pthread_mutex_init(&pump->lock, NULL);
    pump->workers = workers;
    pump->holding.memory = memory;
    fg_holding_set(&pump->holding, sizeof(*pump));
    pump->job = (struct fg_job){.run = run, .context = pump};
    pump->wait = wait;
    pump->source = *source;
    *source = fg_source_empty();
    *ret_source = (struct fg_source){
        .read = read_ahead, .destroy = destroy, .context = pump, .size = pump->source.size};
    return FG_OK;
}
