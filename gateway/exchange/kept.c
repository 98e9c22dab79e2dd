/*
 * A few responses for each thread, compared byte by byte. A response is never changed once it was
 * queued, and the library counts references, so it may be on its way on many connections at once.
 */
#include "gateway/exchange/kept.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

void fg_kept_init(struct fg_kept_all *all)
{
    *all = (struct fg_kept_all){.first = NULL};
    pthread_mutex_init(&all->lock, NULL);
}

static void drop(struct MHD_Response *response)
{
    if (response != NULL) {
        MHD_destroy_response(response);
    }
}

void fg_kept_clear(struct fg_kept_all *all)
{
    while (all->first != NULL) {
        struct fg_kept *kept = all->first;
        all->first = kept->next;
        for (unsigned i = 0; i < FG_KEPT_MAX; i++) {
            drop(kept->responses[i]);
        }
        free(kept);
    }
    pthread_mutex_destroy(&all->lock);
}

/* The calling thread's. A thread belongs to one daemon and ends before the daemon's are cleared. */
static struct fg_kept *own(struct fg_kept_all *all)
{
    static _Thread_local struct fg_kept *kept;
    if (kept == NULL) {
        kept = calloc(1, sizeof(*kept));
        if (kept != NULL) {
            pthread_mutex_lock(&all->lock);
            kept->next = all->first;
            all->first = kept;
            pthread_mutex_unlock(&all->lock);
        }
    }
    return kept;
}

/* The place of the response with this body, whatever its date; FG_KEPT_MAX if there is none. */
static unsigned find(const struct fg_kept *kept, struct fg_bytes body)
{
    unsigned i = 0;
    while (i < FG_KEPT_MAX &&
           !(kept->responses[i] != NULL && fg_bytes_equal(kept->bodies[i], body))) {
        i++;
    }
    return i;
}

/* The library leaves out its own Date where there is one. */
static bool add_fields(struct MHD_Response *response, const char *content_type, time_t second)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char date[64];
    struct tm parts;
    if (gmtime_r(&second, &parts) == NULL) {
        return false;
    }
    /* Not strftime, whose names depend on the locale. */
    snprintf(date, sizeof(date), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[parts.tm_wday],
             parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
             parts.tm_sec);
    return MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) ==
               MHD_YES &&
           MHD_add_response_header(response, MHD_HTTP_HEADER_DATE, date) == MHD_YES;
}

/* A response with a copy of the body, which *ret_copy is then. */
static struct MHD_Response *make(const char *content_type, struct fg_bytes body, time_t second,
                                 struct fg_bytes *ret_copy)
{
    uint8_t *copy = malloc(body.size > 0 ? body.size : 1);
    if (copy == NULL) {
        return NULL;
    }
    if (body.size > 0) {
        memcpy(copy, body.data, body.size);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.size, copy, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(copy);
        return NULL;
    }
    if (!add_fields(response, content_type, second)) {
        MHD_destroy_response(response);
        return NULL;
    }
    *ret_copy = (struct fg_bytes){copy, body.size};
    return response;
}

struct MHD_Response *fg_kept_response(struct fg_kept_all *all, const char *content_type,
                                      struct fg_bytes body)
{
    struct fg_kept *kept = own(all);
    if (kept == NULL) {
        return NULL;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    unsigned place = find(kept, body);
    if (place < FG_KEPT_MAX && kept->seconds[place] == now.tv_sec) {
        return kept->responses[place];
    }
    struct fg_bytes copy;
    struct MHD_Response *response = make(content_type, body, now.tv_sec, &copy);
    if (response != NULL) {
        place = place < FG_KEPT_MAX ? place : kept->turn++ % FG_KEPT_MAX;
        drop(kept->responses[place]);
        kept->responses[place] = response;
        kept->bodies[place] = copy;
        kept->seconds[place] = now.tv_sec;
    }
    return response;
}
