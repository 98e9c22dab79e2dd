/*
 * What every exchange of a running gateway shares. Made by serve.c, constant while it runs but for
 * what the parts guard themselves.
 */
#ifndef FRAMEGATE_GATEWAY_GATEWAY_H
#define FRAMEGATE_GATEWAY_GATEWAY_H

#include "gateway/config/config.h"
#include "gateway/state/state.h"
#include "gateway/workers.h"
#include "handlers/repo/repository.h"

#include <stdatomic.h>

struct fg_access;
struct fg_bundlefolder;

struct fg_gateway {
    struct fg_config config;
    struct fg_address public_address; /* that the listeners got */
    struct fg_address admin_address;
    struct fg_repository *repository;
    struct fg_state *state;
    struct fg_workers *workers;
    struct fg_workers *push_workers; /* for what runs hg, and may wait for it long */
    struct fg_bundlefolder *bundles; /* NULL: none is kept */
    /*
     * Who may do what (gateway/access/access.h). SIGHUP replaces it, and frees the old one once it
     * has held every shard's lock: whoever reads it outside of one takes a reference inside.
     */
    _Atomic(struct fg_access *) access;
    atomic_bool reload_failed; /* the last SIGHUP changed nothing, since something was wrong */
    _Atomic int64_t reloaded;  /* seconds since 1970 of the last one that did; 0: none */
    atomic_uint logins;        /* passwords that are checked or wait for it */
    atomic_bool draining;      /* told to stop: answers say Connection: close */
};

#endif
