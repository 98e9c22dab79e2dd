/* Computing outgoing sets: one pass over the parents, from the newest changeset to the oldest. */
#include "handlers/bundle/outgoing.h"

#include <stdlib.h>

static void mark(struct fg_outgoing *outgoing, const struct fg_rev_list *list, uint8_t state)
{
    for (uint32_t i = 0; i < list->count; i++) {
        outgoing->marks[list->revs[i]] |= state;
    }
}

static void mark_ancestors(struct fg_outgoing *outgoing, const struct fg_parents *parents)
{
    for (uint32_t rev = outgoing->count; rev-- > 0;) {
        uint8_t marks = outgoing->marks[rev];
        if (marks == 0) {
            continue;
        }
        for (int i = 0; i < 2; i++) {
            int32_t parent = parents[rev].revs[i];
            if (parent != FG_REV_NULL) {
                outgoing->marks[parent] |= marks;
            }
        }
    }
}

static void count_missing(struct fg_outgoing *outgoing)
{
    bool complete = true;
    outgoing->complete = true;
    for (uint32_t rev = 0; rev < outgoing->count; rev++) {
        if (outgoing->marks[rev] == FG_OUTGOING_MISSING) {
            outgoing->missing++;
            outgoing->last = rev;
            outgoing->complete = complete;
        } else if (outgoing->marks[rev] == FG_OUTGOING_OTHER) {
            complete = false;
        }
    }
}

enum fg_status fg_outgoing_find(const struct fg_snapshot *snapshot, const struct fg_rev_list *heads,
                                const struct fg_rev_list *common, struct fg_outgoing *ret_outgoing)
{
    uint32_t count = fg_snapshot_count(snapshot);
    struct fg_outgoing outgoing = {.count = count};
    outgoing.marks = calloc(count > 0 ? count : 1, 1);
    if (outgoing.marks == NULL) {
        return FG_ERR_MEMORY;
    }
    mark(&outgoing, heads, FG_OUTGOING_MISSING);
    mark(&outgoing, common, FG_OUTGOING_COMMON);
    mark_ancestors(&outgoing, snapshot->history->parents);
    count_missing(&outgoing);
    *ret_outgoing = outgoing;
    return FG_OK;
}

void fg_outgoing_clear(struct fg_outgoing *outgoing)
{
    free(outgoing->marks);
    *outgoing = (struct fg_outgoing){0};
}
