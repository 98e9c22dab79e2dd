/*
 * Every bound of the repository side: its unit, its reason, and what happens when it is reached
 * (always a failure with a message, never a shortened answer).
 */
#ifndef FRAMEGATE_HANDLERS_REPO_LIMITS_H
#define FRAMEGATE_HANDLERS_REPO_LIMITS_H

/*
 * Revisions of one revlog. Revision numbers are signed 32-bit in the file format; the tables built
 * from them must not overflow.
 */
#define FG_REVLOG_REVISIONS_MAX 0x40000000u

/*
 * Links of a delta chain. Mercurial itself stops at 1,000 since 4.7; older versions bounded the
 * bytes only, and made chains of a few thousand.
 */
#define FG_REVLOG_CHAIN_MAX 65536u

/* Bytes of one rebuilt text. A manifest of a million files has about 80 MB. */
#define FG_REVLOG_TEXT_MAX ((size_t)512 << 20)

/* Bytes of one changeset's text: its list of files is most of it. */
#define FG_CHANGESET_TEXT_MAX ((size_t)256 << 20)

/* Bytes of one revision of .hgtags, a file of lines of about 60 bytes. */
#define FG_TAGS_TEXT_MAX ((size_t)64 << 20)

/*
 * Bytes of all temporary files in which texts are rebuilt that are too large for memory: of a disk
 * there is more, but not without end.
 */
#define FG_SPILL_MAX (16ull << 30)

/* Pieces that a text being rebuilt may consist of before it is put together. */
#define FG_PATCH_PIECES_MAX 65536u

/* Bytes of the files with one line per name or root: phaseroots, bookmarks, localtags. */
#define FG_LINES_FILE_MAX ((size_t)64 << 20)

/* Bytes of requires, sharedpath, shared, hgrc: files that a person could read. */
#define FG_SMALL_FILE_MAX ((size_t)1 << 20)

/* Bytes of .hg/merge/state2, which lists each file in conflict. */
#define FG_MERGE_STATE_MAX ((size_t)64 << 20)

/* Bytes of the obsolescence store; a marker has about 120. */
#define FG_OBSSTORE_MAX ((size_t)512 << 20)

/* Bytes of fncache, the list of a store's files: a million of them have about 80 MB. */
#define FG_FNCACHE_MAX ((size_t)512 << 20)

/* How deep %include may nest in a configuration file of Mercurial. */
#define FG_CONFIG_INCLUDE_MAX 16u

/*
 * Configuration files of Mercurial for one repository, with what they include, those that are
 * missing too, and bytes of all together: read in a few milliseconds. Sites have a dozen, of a few
 * KB each.
 */
#define FG_CONFIG_FILES_MAX 256u
#define FG_CONFIG_BYTES_MAX ((size_t)1 << 20)

/* Lines of them that are kept, each about 150 bytes; sites have dozens. */
#define FG_CONFIG_LINES_MAX 4096u

/* Bytes of a path in them, once variables have been replaced. */
#define FG_CONFIG_PATH_MAX ((size_t)16 << 10)

/*
 * New changesets whose texts are rebuilt, and so verified against their nodes, before a snapshot
 * is used. Each costs about 3 µs; a history that is larger is verified when its texts are needed.
 */
#define FG_VERIFY_AT_ONCE 4096u

/* Bytes that are read and unpacked for that: about 20 ms. What takes more is verified later, too.
 */
#define FG_VERIFY_WORK_AT_ONCE ((uint64_t)4 << 20)

/*
 * Changesets from which on their nodes are put in order when the first is looked for, not before
 * the first request is answered. Below, that takes less than 2 ms.
 */
#define FG_FILL_LATE_FROM 65536u

/* Bytes of hg's standard error that are kept; its end is kept, not its start. */
#define FG_HG_ERRORS_MAX ((size_t)64 << 10)

/* Bytes of what hg answers to a push: mostly what hooks said. */
#define FG_PUSH_REPLY_MAX ((size_t)16 << 20)

/* Bytes of one answer: branchmap, listkeys. */
#define FG_ANSWER_MAX ((size_t)512 << 20)

#endif
