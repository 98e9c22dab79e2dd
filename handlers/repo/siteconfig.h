/*
 * The configuration that counts for a repository, as it was when its files were read: immutable,
 * shared by all threads, and replaced whole when one of the files has changed.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_SITECONFIG_H
#define FRAMEGATE_HANDLERS_REPO_SITECONFIG_H

#include "handlers/repo/layout.h"
#include "handlers/repo/settings.h"

#include <stdatomic.h>

struct fg_siteconfig {
    atomic_uint references;
    _Atomic int64_t looked; /* ns; when the files were last compared with their stamps */
    struct fg_layout *layout;
    struct fg_config_lines lines;
    struct fg_site_settings settings;
    /* FG_OK, or why the files do not make a configuration: as fg_config_lines_read says it. */
    enum fg_status status;
    struct fg_error error;
};

/*
 * Reads the files for a repository whose pushes program (hg) takes. The caller owns one reference.
 * What is wrong with the files does not fail, but is in the result. FG_ERR_MEMORY.
 */
enum fg_status fg_siteconfig_read(struct fg_layout *layout, const char *program,
                                  struct fg_siteconfig **ret_config, struct fg_error *error);

struct fg_siteconfig *fg_siteconfig_ref(struct fg_siteconfig *config);

/* Takes NULL. */
void fg_siteconfig_unref(struct fg_siteconfig *config);

/*
 * True if no file has changed. now: compares the stamps at once; else once in a tick of the
 * kernel's clock (at most 10 ms), which costs a request nothing.
 */
bool fg_siteconfig_is_fresh(struct fg_siteconfig *config, bool now);

/*
 * Whether the repository may be served under this configuration. granted: bits 1 << enum
 * fg_site_access of what the gateway was told itself. Errors of reading the files;
 * FG_ERR_UNSUPPORTED: a line is refused, error names file, line and setting.
 */
enum fg_status fg_siteconfig_check(const struct fg_siteconfig *config, unsigned granted,
                                   struct fg_error *error);

#endif
