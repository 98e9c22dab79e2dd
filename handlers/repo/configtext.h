/*
 * The text of a configuration file in Mercurial's format, item by item: sections, "name = value"
 * with lines that go on, comments, %unset and %include. What is included is the caller's to read.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_CONFIGTEXT_H
#define FRAMEGATE_HANDLERS_REPO_CONFIGTEXT_H

#include "framing/buffer.h"
#include "framing/status.h"

#include <stdbool.h>

struct fg_configtext {
    struct fg_bytes rest; /* borrowed: what has not been read */
    unsigned line;        /* the number of the last line that was read */
    struct fg_bytes section;
    bool in_item; /* an indented line belongs to the last item */
};

enum fg_configtext_kind {
    FG_CONFIGTEXT_SECTION, /* section begins, and is there even if nothing follows */
    FG_CONFIGTEXT_SET,     /* section, name, value */
    FG_CONFIGTEXT_MORE,    /* value is one more line of the last item that was set */
    FG_CONFIGTEXT_UNSET,   /* section, name */
    FG_CONFIGTEXT_INCLUDE, /* value is the file as it is written there */
};

/* Views of the text. */
struct fg_configtext_item {
    enum fg_configtext_kind kind;
    struct fg_bytes section;
    struct fg_bytes name;
    struct fg_bytes value;
};

/* The text must live as long as the reader and the items are used. */
void fg_configtext_start(struct fg_configtext *reader, struct fg_bytes text);

/* FG_END: there is no more; FG_ERR_SYNTAX: reader->line cannot be parsed. */
enum fg_status fg_configtext_next(struct fg_configtext *reader,
                                  struct fg_configtext_item *ret_item);

#endif
