/*
 * What each setting of Mercurial means to whom it would be served to by Mercurial, and to
 * framegate, which reads repositories by itself: followed, refused until it can be, or of no
 * matter. The table in settings.c is the only place that knows.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_SETTINGS_H
#define FRAMEGATE_HANDLERS_REPO_SETTINGS_H

#include "handlers/repo/configlayers.h"

/* hgweb's options of who may do what. The gateway has its own, which whoever starts it must give.
 */
enum fg_site_access {
    FG_SITE_ALLOW_PULL, /* only where it is off */
    FG_SITE_ALLOW_PUSH,
    FG_SITE_ALLOW_READ,
    FG_SITE_DENY_PUSH,
    FG_SITE_DENY_READ,
    FG_SITE_PUSH_SSL,
    FG_SITE_ACCESS_COUNT,
};

/* What is followed. */
struct fg_site_values {
    bool publishing;     /* phases.publish */
    bool uncompressed;   /* server.uncompressed: stream clones are allowed */
    bool bundle2_stream; /* server.bundle2.stream: and in bundles, too */
    bool bundle1;        /* server.bundle1*: changegroups without a bundle2 may be pulled */
    bool full_bundles;   /* not server.disablefullbundle: all may be pulled at once */
    bool exchange;       /* experimental.evolution*: markers of obsolescence are taken and given */
    bool related_heads;  /* server.concurrent-push-mode: pushes race by the heads they touch */
};

/* A line that stands against serving the repository, or that is not followed. */
struct fg_site_refusal {
    const char *file; /* NULL: there is none */
    unsigned line;
    char setting[64]; /* "section.name", made printable */
    const char *why;  /* static */
};

struct fg_site_settings {
    struct fg_site_values values;
    struct fg_site_refusal refused; /* the first that is refused whatever the gateway was told */
    struct fg_site_refusal access[FG_SITE_ACCESS_COUNT];
};

/* True for the sections that the table has rows of. */
bool fg_settings_wants(struct fg_bytes section);

/*
 * What the lines say. generaldelta: the repository has that requirement. FG_ERR_CORRUPT: a value is
 * none, error names file and line. ret_settings points into lines.
 */
enum fg_status fg_settings_judge(const struct fg_config_lines *lines, bool generaldelta,
                                 struct fg_site_settings *ret_settings, struct fg_error *error);

/* The first line, from *index on, that a site may want to know not to be followed, though that
 * changes nothing of what clients get. *index goes behind it. False if there is none. */
bool fg_settings_next_warning(const struct fg_config_lines *lines, size_t *index,
                              struct fg_site_refusal *ret_warning);

/* A row of the table, for tests and for whoever shows it. NULL after the last. Static strings. */
struct fg_settings_row {
    const char *section;
    const char *name;
    const char
        *done; /* "followed", "refused", "left to the gateway", "not followed", "no matter" */
    const char *why;
};
bool fg_settings_row(size_t index, struct fg_settings_row *ret_row);

#endif
