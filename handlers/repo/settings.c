/*
 * The table of settings, made by Mercurial's own lists: the items of configitems.py that a server
 * reads while it answers, and the modules of hgext/. What Mercurial does with a push it does by
 * itself, so settings of writing are of no matter here.
 */
#include "handlers/repo/settings.h"

#include <stdio.h>
#include <stdlib.h>

enum treatment {
    FOLLOWED,  /* by read_values */
    REFUSED,   /* where the condition holds */
    ACCESS,    /* refused where the gateway was not told the same: which says what */
    WARNED,    /* not followed, which changes what it costs or what is offered, not what is shown */
    HARMLESS,  /* of pages, of clients, of working copies, of writing */
    EXTENSION, /* harmless where it is Mercurial's own module of that name */
    BUILTIN,   /* the name of what was an extension once; nothing is loaded */
};

/* When a row of REFUSED, ACCESS or WARNED holds. */
enum condition {
    ALWAYS,   /* any line */
    FILLED,   /* a value that is not empty */
    TRUE,     /* a true one, or one that is no boolean */
    FALSE,    /* a false one, or one that is no boolean */
    UNSERVED, /* another one than "served" */
};

struct row {
    const char *section;
    const char *name; /* "*": each that has no row of its own; "NAME.": NAME, and what begins so */
    enum treatment treatment;
    enum condition condition;
    int which; /* enum fg_site_access */
    const char *why;
};

#define HOOK(name)                                                                                 \
    {                                                                                              \
        "hooks", name, REFUSED, FILLED, 0,                                                         \
            "a hook that Mercurial runs for readers, and may refuse them"                          \
    }
#define WEB(name, condition, which)                                                                \
    {                                                                                              \
        "web", name, ACCESS, condition, which,                                                     \
            "access is by the gateway's own option, even an empty one"                             \
    }
#define FOLLOWS(section, name)                                                                     \
    {                                                                                              \
        section, name, FOLLOWED, ALWAYS, 0, "the same is done"                                     \
    }
#define WRITES(section, name)                                                                      \
    {                                                                                              \
        section, name, HARMLESS, ALWAYS, 0, "Mercurial takes pushes, and follows it itself"        \
    }
#define COSTS(section, name)                                                                       \
    {                                                                                              \
        section, name, WARNED, ALWAYS, 0, "it changes costs or offers, not what is shown"          \
    }
#define USABLE(name)                                                                               \
    {                                                                                              \
        "extensions", name, EXTENSION, ALWAYS, 0, "it changes nothing that readers are answered"   \
    }
#define CHANGES(name, why)                                                                         \
    {                                                                                              \
        "extensions", name, REFUSED, ALWAYS, 0, why                                                \
    }
#define GONE(name)                                                                                 \
    {                                                                                              \
        "extensions", name, BUILTIN, ALWAYS, 0, "Mercurial loads nothing for it"                   \
    }

static const struct row rows[] = {
    {"devel", "legacy.exchange", REFUSED, FILLED, 0,
     "it takes parts out of the exchange, and so has other hooks judge a push"},
    {"devel", "serverrequirecert", REFUSED, TRUE, 0,
     "the gateway asks no client for a certificate"},
    {"devel", "*", HARMLESS, ALWAYS, 0, "of debugging"},

    FOLLOWS("experimental", "bundle2.stream"),
    FOLLOWS("experimental", "evolution"),
    FOLLOWS("experimental", "evolution.createmarkers"),
    FOLLOWS("experimental", "evolution.exchange"),
    COSTS("experimental", "bundle2-advertise"),
    COSTS("experimental", "changegroup3"),
    COSTS("experimental", "changegroup4"),
    COSTS("experimental", "narrow"),
    COSTS("experimental", "narrowservebrokenellipses"),
    {"experimental", "extra-filter-revs", REFUSED, ALWAYS, 0, "it hides changesets from readers"},
    {"experimental", "*", HARMLESS, ALWAYS, 0, "of clients, of writing, or of costs"},

    USABLE("absorb"),
    USABLE("acl"),
    USABLE("amend"),
    USABLE("automv"),
    USABLE("beautifygraph"),
    USABLE("blackbox"),
    USABLE("bookflow"),
    USABLE("bugzilla"),
    USABLE("censor"),
    USABLE("chainsaw"),
    USABLE("children"),
    USABLE("churn"),
    USABLE("clonebundles"),
    USABLE("closehead"),
    USABLE("commitextras"),
    USABLE("convert"),
    USABLE("eol"),
    USABLE("extdiff"),
    USABLE("factotum"),
    USABLE("fastexport"),
    USABLE("fetch"),
    USABLE("fix"),
    USABLE("fsmonitor"),
    USABLE("githelp"),
    USABLE("gpg"),
    USABLE("graphlog"),
    USABLE("hgk"),
    USABLE("highlight"),
    USABLE("histedit"),
    USABLE("hooklib"),
    USABLE("journal"),
    USABLE("keyword"),
    USABLE("logtoprocess"),
    USABLE("notify"),
    USABLE("pager"),
    USABLE("patchbomb"),
    USABLE("phabricator"),
    USABLE("purge"),
    USABLE("rebase"),
    USABLE("record"),
    USABLE("releasenotes"),
    USABLE("relink"),
    USABLE("schemes"),
    USABLE("share"),
    USABLE("show"),
    USABLE("sparse"),
    USABLE("split"),
    USABLE("strip"),
    USABLE("transplant"),
    USABLE("uncommit"),
    USABLE("win32text"),
    USABLE("zeroconf"),
    GONE("bookmarks"),
    GONE("color"),
    GONE("hbisect"),
    GONE("hgcia"),
    GONE("inotify"),
    GONE("interhg"),
    GONE("parentrevspec"),
    GONE("progress"),
    GONE("shelve"),
    CHANGES("fastannotate", "it adds commands to the protocol"),
    CHANGES("git", "it reads repositories of another kind"),
    CHANGES("infinitepush", "it answers from a store of its own, too"),
    CHANGES("largefiles", "it changes what clients must know and are answered"),
    CHANGES("lfs", "it keeps files in a store of its own"),
    CHANGES("mq", "it makes changesets secret, and tags of its patches"),
    CHANGES("narrow", "it gives a part of the files alone"),
    CHANGES("remotefilelog", "it leaves files out of bundles"),
    CHANGES("remotenames", "it adds names that clients can look up"),
    CHANGES("sqlitestore", "it keeps files in a store of its own"),
    CHANGES("win32mbcs", "it changes the bytes of names"),
    CHANGES("*", "an extension that is not known may change all that readers are answered"),

    HOOK("listkeys."),
    HOOK("outgoing."),
    HOOK("prelistkeys."),
    HOOK("preoutgoing."),
    HOOK("pretransmit-inline-clone-bundle."),
    {"hooks", "*", HARMLESS, ALWAYS, 0, "of writing, or of commands"},

    {"narrowacl", "*", REFUSED, ALWAYS, 0, "it lets each reader have a part of the files alone"},

    FOLLOWS("phases", "publish"),
    {"phases", "*", HARMLESS, ALWAYS, 0, "of commits"},

    FOLLOWS("server", "bundle1"),
    FOLLOWS("server", "bundle1.pull"),
    FOLLOWS("server", "bundle1gd"),
    FOLLOWS("server", "bundle1gd.pull"),
    FOLLOWS("server", "bundle2.stream"),
    FOLLOWS("server", "concurrent-push-mode"),
    FOLLOWS("server", "disablefullbundle"),
    FOLLOWS("server", "uncompressed"),
    WRITES("server", "bookmarks-pushkey-compat"),
    WRITES("server", "bundle1.push"),
    WRITES("server", "bundle1gd.push"),
    WRITES("server", "streamunbundle"),
    WRITES("server", "validate"),
    COSTS("server", "compressionengines"),
    COSTS("server", "maxhttpheaderlen"),
    COSTS("server", "preferuncompressed"),
    COSTS("server", "pullbundle"),
    COSTS("server", "zliblevel"),
    COSTS("server", "zstdlevel"),
    {"server", "uncompressedallowsecret", WARNED, TRUE, 0,
     "what is secret always keeps stream clones away"},
    {"server", "view", REFUSED, UNSERVED, 0, "another view than the one that is served"},
    {"server", "*", REFUSED, ALWAYS, 0, "it is not known, and may restrict readers"},

    {"trusted", "*", HARMLESS, ALWAYS, 0, "followed where the files are read"},

    WEB("allow-pull", FALSE, FG_SITE_ALLOW_PULL),
    WEB("allowpull", FALSE, FG_SITE_ALLOW_PULL),
    WEB("allow-push", FILLED, FG_SITE_ALLOW_PUSH),
    WEB("allow_push", FILLED, FG_SITE_ALLOW_PUSH),
    WEB("allow_read", FILLED, FG_SITE_ALLOW_READ),
    WEB("deny_push", FILLED, FG_SITE_DENY_PUSH),
    WEB("deny_read", FILLED, FG_SITE_DENY_READ),
    WEB("push_ssl", FILLED, FG_SITE_PUSH_SSL),
    {"web", "*", HARMLESS, ALWAYS, 0, "of pages and of hg serve; commands go by server.view"},
};

enum { ROWS_COUNT = sizeof rows / sizeof rows[0] };

/* -- finding ----------------------------------------------------------------------------------- */

bool fg_settings_wants(struct fg_bytes section)
{
    for (size_t i = 0; i < ROWS_COUNT; i++) {
        if (fg_bytes_equal_string(section, rows[i].section)) {
            return true;
        }
    }
    return false;
}

/* "hooks.x.y" has the name "x." in the table, and so has "hooks.x". */
static bool is_name(struct fg_bytes name, const char *of_row)
{
    size_t size = strlen(of_row);
    if (of_row[size - 1] != '.') {
        return fg_bytes_equal_string(name, of_row);
    }
    return fg_bytes_start_with(name, of_row) ||
           (name.size == size - 1 && memcmp(name.data, of_row, name.size) == 0);
}

/* An extension's name without the package that it may be written with. */
static struct fg_bytes short_name(struct fg_bytes section, struct fg_bytes name)
{
    bool package = fg_bytes_equal_string(section, "extensions") &&
                   (fg_bytes_start_with(name, "hgext.") || fg_bytes_start_with(name, "hgext/"));
    return package ? (struct fg_bytes){name.data + 6, name.size - 6} : name;
}

/* The row of a line; each section has one for all names but those that Mercurial does not have. */
static const struct row *find_row(const struct fg_config_line *line)
{
    const struct row *any = NULL;
    struct fg_bytes name = short_name(line->section, line->name);
    for (size_t i = 0; i < ROWS_COUNT; i++) {
        if (!fg_bytes_equal_string(line->section, rows[i].section)) {
            continue;
        }
        if (strcmp(rows[i].name, "*") == 0) {
            any = &rows[i];
        } else if (is_name(name, rows[i].name)) {
            return &rows[i];
        }
    }
    return any;
}

/* -- which lines count ------------------------------------------------------------------------- */

/* The last line of each setting, but those that unset it; ascending by section and name. */
struct view {
    const struct fg_config_line **lines; /* owned */
    size_t count;
};

static int compare_bytes(struct fg_bytes a, struct fg_bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_settings(const struct fg_config_line *a, const struct fg_config_line *b)
{
    int order = compare_bytes(a->section, b->section);
    return order != 0 ? order : compare_bytes(a->name, b->name);
}

/* Lines of one setting in the order in which they were read, which is that of their places. */
static int compare_lines(const void *left, const void *right)
{
    const struct fg_config_line *a = *(const struct fg_config_line *const *)left;
    const struct fg_config_line *b = *(const struct fg_config_line *const *)right;
    int order = compare_settings(a, b);
    return order != 0 ? order : (a > b) - (a < b);
}

/* trusted: as if the files that are not trusted were not there. */
static enum fg_status make_view(const struct fg_config_lines *lines, bool trusted,
                                struct view *ret_view)
{
    struct view view = {calloc(lines->count + 1, sizeof(void *)), 0};
    if (view.lines == NULL) {
        return FG_ERR_MEMORY;
    }
    size_t all = 0;
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->items[i].trusted || !trusted) {
            view.lines[all++] = &lines->items[i];
        }
    }
    qsort(view.lines, all, sizeof(void *), compare_lines);
    for (size_t i = 0; i < all; i++) {
        bool last = i + 1 == all || compare_settings(view.lines[i], view.lines[i + 1]) != 0;
        if (last && !view.lines[i]->unset) {
            view.lines[view.count++] = view.lines[i];
        }
    }
    *ret_view = view;
    return FG_OK;
}

static const struct fg_config_line *find(const struct view *view, const char *section,
                                         const char *name)
{
    const struct fg_config_line wanted = {.section = fg_bytes_from_string(section),
                                          .name = fg_bytes_from_string(name)};
    size_t start = 0;
    size_t end = view->count;
    while (start < end) {
        size_t middle = start + (end - start) / 2;
        int order = compare_settings(view->lines[middle], &wanted);
        if (order == 0) {
            return view->lines[middle];
        }
        start = order < 0 ? middle + 1 : start;
        end = order < 0 ? end : middle;
    }
    return NULL;
}

/* -- what is followed -------------------------------------------------------------------------- */

struct judge {
    const struct fg_config_lines *lines;
    struct view trusted;
    struct view all;
    struct fg_site_settings settings;
    struct fg_error *error;
};

/* A line's value as a boolean; *value stays as it is where there is no line. */
static enum fg_status take_boolean(const struct judge *judge, const struct fg_config_line *line,
                                   bool *value)
{
    if (line == NULL || fg_config_boolean(fg_buffer_view(&line->value), value)) {
        return FG_OK;
    }
    return fg_fail(judge->error, FG_ERR_CORRUPT, 0, "%.120s:%u: %.*s.%.*s is not a boolean",
                   judge->lines->files[line->file].path, line->line, (int)line->section.size,
                   (const char *)line->section.data, (int)line->name.size,
                   (const char *)line->name.data);
}

struct words {
    const char *option;
    bool found; /* the option, or all */
};

static enum fg_status look_for_option(void *context, struct fg_bytes word)
{
    struct words *words = context;
    words->found = words->found || fg_bytes_equal_string(word, "all") ||
                   fg_bytes_equal_string(word, words->option);
    return FG_OK;
}

/* An option of evolution by its own setting, else by the old one of all, a boolean or a list. */
static enum fg_status read_evolution(const struct judge *judge, const char *name,
                                     const char *option, bool *ret_value)
{
    const struct fg_config_line *own = find(&judge->trusted, "experimental", name);
    const struct fg_config_line *all = find(&judge->trusted, "experimental", "evolution");
    *ret_value = false;
    if (own != NULL) {
        return take_boolean(judge, own, ret_value);
    }
    if (all == NULL || fg_config_boolean(fg_buffer_view(&all->value), ret_value)) {
        return FG_OK;
    }
    struct words words = {option, false};
    enum fg_status status = fg_config_words(fg_buffer_view(&all->value), look_for_option, &words);
    *ret_value = words.found;
    return status == FG_OK ? FG_OK : fg_fail(judge->error, status, 0, "out of memory");
}

/* Markers that are not made are not exchanged. */
static enum fg_status read_exchange(struct judge *judge)
{
    bool made = false;
    enum fg_status status =
        read_evolution(judge, "evolution.createmarkers", "createmarkers", &made);
    return status == FG_OK && made ? read_evolution(judge, "evolution.exchange", "exchange",
                                                    &judge->settings.values.exchange)
                                   : status;
}

/* The most special of the settings that there are counts. */
static enum fg_status read_bundle1(struct judge *judge, bool generaldelta)
{
    static const char *const names[] = {"bundle1gd.pull", "bundle1.pull", "bundle1gd", "bundle1"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct fg_config_line *line = find(&judge->trusted, "server", names[i]);
        if (line != NULL && (generaldelta || strncmp(names[i], "bundle1gd", 9) != 0)) {
            return take_boolean(judge, line, &judge->settings.values.bundle1);
        }
    }
    return FG_OK;
}

/* Of a setting with two names the line that was read with the later part of a file. */
static const struct fg_config_line *later(const struct fg_config_line *line,
                                          const struct fg_config_line *other)
{
    return line == NULL || (other != NULL && other->source > line->source) ? other : line;
}

/* publish and uncompressed: Mercurial asks these two without asking for trust. */
static enum fg_status read_values(struct judge *judge, bool generaldelta)
{
    struct fg_site_values *values = &judge->settings.values;
    bool disabled = false;
    *values = (struct fg_site_values){
        .publishing = true, .uncompressed = true, .bundle2_stream = true, .bundle1 = true};
    const struct {
        const struct fg_config_line *line;
        bool *value;
    } booleans[] = {
        {find(&judge->all, "phases", "publish"), &values->publishing},
        {find(&judge->all, "server", "uncompressed"), &values->uncompressed},
        {later(find(&judge->trusted, "server", "bundle2.stream"),
               find(&judge->trusted, "experimental", "bundle2.stream")),
         &values->bundle2_stream},
        {find(&judge->trusted, "server", "disablefullbundle"), &disabled},
    };
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < sizeof booleans / sizeof booleans[0] && status == FG_OK; i++) {
        status = take_boolean(judge, booleans[i].line, booleans[i].value);
    }
    values->full_bundles = !disabled;
    const struct fg_config_line *mode = find(&judge->trusted, "server", "concurrent-push-mode");
    values->related_heads =
        mode == NULL || fg_bytes_equal_string(fg_buffer_view(&mode->value), "check-related");
    if (status == FG_OK) {
        status = read_bundle1(judge, generaldelta);
    }
    return status == FG_OK ? read_exchange(judge) : status;
}

/* -- what is refused --------------------------------------------------------------------------- */

static bool holds(const struct row *row, const struct fg_config_line *line)
{
    struct fg_bytes value = fg_buffer_view(&line->value);
    bool truth;
    switch (row->condition) {
    case ALWAYS:
        return true;
    case FILLED:
        return value.size > 0;
    case TRUE:
        return !fg_config_boolean(value, &truth) || truth;
    case FALSE:
        return !fg_config_boolean(value, &truth) || !truth;
    case UNSERVED:
        return !fg_bytes_equal_string(value, "served");
    }
    return true;
}

/* True if Mercurial loads something for a line of [extensions], and what it loads is not known. */
static bool loads_unknown(const struct row *row, const struct fg_config_line *line)
{
    struct fg_bytes value = fg_buffer_view(&line->value);
    bool option = memchr(line->name.data, ':', line->name.size) != NULL;
    if (option || row->treatment == BUILTIN || fg_bytes_start_with(value, "!")) {
        return false;
    }
    return row->treatment == REFUSED || value.size > 0;
}

/* A line of a hook that runs, or that Mercurial refuses to run, and the command with it. */
static bool has_hook(const struct row *row, const struct fg_config_line *line)
{
    bool option = memchr(line->name.data, ':', line->name.size) != NULL;
    return row->treatment == REFUSED && !option && (holds(row, line) || !line->trusted);
}

static bool is_refused(const struct row *row, const struct fg_config_line *line)
{
    if (fg_bytes_equal_string(line->section, "narrowacl")) {
        return true; /* the section alone counts, even an empty one */
    }
    if (line->name.size == 0) {
        return false;
    }
    if (fg_bytes_equal_string(line->section, "extensions")) {
        return loads_unknown(row, line);
    }
    if (fg_bytes_equal_string(line->section, "hooks")) {
        return has_hook(row, line);
    }
    return row->treatment == REFUSED && holds(row, line);
}

static void describe(const struct fg_config_lines *lines, const struct fg_config_line *line,
                     const char *why, struct fg_site_refusal *ret_refusal)
{
    struct fg_site_refusal refusal = {lines->files[line->file].path, line->line, "", why};
    (void)snprintf(refusal.setting, sizeof refusal.setting, "%.*s%s%.*s", (int)line->section.size,
                   (const char *)line->section.data, line->name.size > 0 ? "." : "",
                   (int)line->name.size, (const char *)line->name.data);
    for (char *at = refusal.setting; *at != '\0'; at++) {
        *at = *at < ' ' || *at > '~' ? '?' : *at;
    }
    *ret_refusal = refusal;
}

static const char *reason(const struct row *row)
{
    return row->treatment == EXTENSION ? "it names a file of its own, which may change all that "
                                         "readers are answered"
                                       : row->why;
}

/* Of several the one that was read first, so that the same one is named each time. */
static void look_for_refusals(struct judge *judge)
{
    const struct view *views[] = {&judge->trusted, &judge->all};
    const struct fg_config_line *first = NULL;
    for (int which = 0; which < 2; which++) {
        for (size_t i = 0; i < views[which]->count; i++) {
            const struct fg_config_line *line = views[which]->lines[i];
            const struct row *row = find_row(line);
            bool asks_no_trust = fg_bytes_equal_string(line->section, "hooks");
            if (row == NULL || (!line->trusted && !asks_no_trust && row->treatment != ACCESS)) {
                continue;
            }
            if (row->treatment == ACCESS && which == 1 && line->name.size > 0 && holds(row, line)) {
                describe(judge->lines, line, row->why, &judge->settings.access[row->which]);
            }
            if (is_refused(row, line) && (first == NULL || line < first)) {
                first = line;
            }
        }
    }
    if (first != NULL) {
        describe(judge->lines, first, reason(find_row(first)), &judge->settings.refused);
    }
}

enum fg_status fg_settings_judge(const struct fg_config_lines *lines, bool generaldelta,
                                 struct fg_site_settings *ret_settings, struct fg_error *error)
{
    struct judge judge = {.lines = lines, .error = error};
    enum fg_status status = make_view(lines, true, &judge.trusted);
    if (status == FG_OK) {
        status = make_view(lines, false, &judge.all);
    }
    if (status != FG_OK) {
        fg_fail(error, status, 0, "out of memory");
    } else {
        status = read_values(&judge, generaldelta);
    }
    if (status == FG_OK) {
        look_for_refusals(&judge);
        *ret_settings = judge.settings;
    }
    free(judge.trusted.lines);
    free(judge.all.lines);
    return status;
}

/* -- what is not followed ---------------------------------------------------------------------- */

static bool is_overridden(const struct fg_config_lines *lines, size_t index)
{
    for (size_t i = index + 1; i < lines->count; i++) {
        if (lines->items[i].trusted &&
            compare_settings(&lines->items[i], &lines->items[index]) == 0) {
            return true;
        }
    }
    return false;
}

bool fg_settings_next_warning(const struct fg_config_lines *lines, size_t *index,
                              struct fg_site_refusal *ret_warning)
{
    for (; *index < lines->count; (*index)++) {
        const struct fg_config_line *line = &lines->items[*index];
        const struct row *row = find_row(line);
        bool warned = row != NULL && row->treatment == WARNED && line->trusted && !line->unset &&
                      line->name.size > 0;
        if (warned && holds(row, line) && !is_overridden(lines, *index)) {
            describe(lines, line, row->why, ret_warning);
            (*index)++;
            return true;
        }
    }
    return false;
}

bool fg_settings_row(size_t index, struct fg_settings_row *ret_row)
{
    static const char *const done[] = {
        [FOLLOWED] = "followed",   [REFUSED] = "refused",    [ACCESS] = "left to the gateway",
        [WARNED] = "not followed", [HARMLESS] = "no matter", [EXTENSION] = "no matter",
        [BUILTIN] = "no matter",
    };
    if (index >= ROWS_COUNT) {
        return false;
    }
    const struct row *row = &rows[index];
    *ret_row = (struct fg_settings_row){row->section, row->name, done[row->treatment], row->why};
    return true;
}
