/*
 * Which lines of configuration count for a repository: the files that Mercurial reads (those of the
 * installation, the system, the user and the repository, or what HGRCPATH names instead), in its
 * order, with what they include, and whom it trusts.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_CONFIGLAYERS_H
#define FRAMEGATE_HANDLERS_REPO_CONFIGLAYERS_H

#include "framing/buffer.h"
#include "handlers/repo/file.h"

#include <stdbool.h>
#include <stdint.h>

/* A line that begins a section, or sets or unsets something. */
struct fg_config_line {
    uint8_t *words; /* owned: section and name, one behind the other */
    struct fg_bytes section;
    struct fg_bytes name;   /* empty: of the section as such */
    struct fg_buffer value; /* with a line break between the lines of one that goes on */
    bool unset;
    bool trusted;
    /* Of a setting with two names the one of the higher source counts; else its first name. */
    unsigned source;
    size_t file;   /* index into files */
    unsigned line; /* where the value ends */
};

/* A file that was looked at, and what it was then; one that is missing, too. */
struct fg_config_file {
    char *path; /* owned */
    struct fg_file_stamp stamp;
};

/* A user or a group that is trusted. */
struct fg_config_trust {
    bool group;
    struct fg_buffer name;
};

/* Zeroed is empty. Immutable once read. */
struct fg_config_lines {
    struct fg_config_line *items; /* owned; in the order in which they were read */
    size_t count;
    size_t capacity;
    struct fg_config_file *files; /* owned */
    size_t files_count;
    size_t files_capacity;
    /* ns since the epoch: until then a file may be written again without its stamp showing it.
     * 0: all of them are older. */
    int64_t settles;
    /* The rest is for reading. */
    struct fg_config_trust *trust; /* owned */
    size_t trust_count;
    size_t trust_capacity;
    uint64_t bytes;
    unsigned source;
};

struct fg_config_place {
    const char *program;     /* hg, as it is started; a name is looked up in PATH */
    const char *hg_path;     /* the repository's .hg */
    const char *source_path; /* that of the repository whose hgrc is shared; NULL: none */
};

/* True for the sections whose lines are kept. */
typedef bool (*fg_config_filter)(struct fg_bytes section);

/*
 * Reads them all; the environment (HGRCPATH, HGRCSKIPREPO, HOME, XDG_CONFIG_HOME, and what a path
 * names) is this process's own. ret_lines is filled as far as it came also on failure, so that its
 * files can be watched; clear it in any case. FG_ERR_CORRUPT: a file that is trusted cannot be
 * parsed, or includes what cannot be read; FG_ERR_LIMIT: they are too many, too deep or too long;
 * FG_ERR_IO, FG_ERR_MEMORY. error names file and line.
 */
enum fg_status fg_config_lines_read(const struct fg_config_place *place, fg_config_filter filter,
                                    struct fg_config_lines *ret_lines, struct fg_error *error);

void fg_config_lines_clear(struct fg_config_lines *lines);

/* True if no file has changed since, as far as their stamps tell. */
bool fg_config_lines_fresh(const struct fg_config_lines *lines);

/* Mercurial's words for the two. False if the value is none of them. */
bool fg_config_boolean(struct fg_bytes value, bool *ret_truth);

/* Called for each word of a list; what it returns other than FG_OK ends the walk. */
typedef enum fg_status (*fg_config_visitor)(void *context, struct fg_bytes word);

/*
 * Visits the words of a list as Mercurial writes it: blanks, commas, quotes. FG_ERR_MEMORY, and
 * what visitor returns.
 */
enum fg_status fg_config_words(struct fg_bytes value, fg_config_visitor visitor, void *context);

#endif
