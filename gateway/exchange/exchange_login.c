/*
 * Who sent a request, and what follows from it for its route.
 */
#include "gateway/exchange/exchange_internal.h"

#include <stdlib.h>
#include <string.h>

/* More than one field is malformed: two programs would believe different ones. */
static void find_credentials(const struct fg_head *head, struct fg_credentials *ret_credentials)
{
    unsigned fields = 0;
    ret_credentials->kind = FG_CREDENTIALS_NONE;
    for (size_t i = 0; i < head->fields_count; i++) {
        if (fg_field_is(&head->fields[i], "authorization")) {
            fields++;
            fg_credentials_parse(head->fields[i].value, ret_credentials);
        }
    }
    if (fields > 1) {
        ret_credentials->kind = FG_CREDENTIALS_BAD;
    }
}

/* The name that somebody gave who did not prove it, for the access log; never the password. */
static void keep_tried(struct fg_exchange *exchange, const struct fg_credentials *credentials)
{
    if (credentials->kind != FG_CREDENTIALS_PASSWORD) {
        return;
    }
    size_t i = 0;
    for (; credentials->user[i] != '\0' && i + 1 < sizeof(exchange->tried); i++) {
        char byte = credentials->user[i];
        bool plain = byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\';
        exchange->tried[i] = plain ? byte : '?';
    }
    exchange->tried[i] = '\0';
}

static void route(struct fg_exchange *exchange, struct fg_head *head,
                  const struct fg_access *access)
{
    for (unsigned i = 0; i <= FG_PERMISSION_PUSH; i++) {
        exchange->verdicts[i] =
            fg_access_judge(access, &exchange->identity, exchange->secure, (enum fg_permission)i);
        head->verdicts[i] = exchange->verdicts[i];
    }
    head->user = exchange->identity.user;
    fg_route_remembered(&exchange->shard->route_memo, &exchange->gateway->config, head,
                        &exchange->route);
}

/* False if as many passwords as may be are being checked, or memory is short. */
static bool begin_login(struct fg_exchange *exchange, struct fg_access *access,
                        const struct fg_credentials *credentials)
{
    struct fg_gateway *gateway = exchange->gateway;
    struct fg_login_try *login = NULL;
    if (atomic_fetch_add(&gateway->logins, 1) < gateway->config.logins) {
        login = malloc(sizeof(*login));
    }
    if (login == NULL) {
        atomic_fetch_sub(&gateway->logins, 1);
        return false;
    }
    *login = (struct fg_login_try){fg_access_ref(access), *credentials};
    exchange->login = login;
    return true;
}

void fg_exchange_count_unknown(struct fg_exchange *exchange)
{
    if (exchange->route.kind == FG_ROUTE_TEXT && exchange->route.authenticate) {
        bool missing = exchange->identity.login == FG_LOGIN_NONE;
        struct fg_counters *counters = &exchange->shard->counters;
        counters->logins_missing += missing;
        counters->logins_wrong += !missing;
    }
}

/* With the shard's lock held. */
static void look_behind(struct fg_exchange *exchange, const struct fg_head *head)
{
    if (!exchange->looked_behind) {
        exchange->looked_behind = true;
        exchange->secure = head->secure;
        exchange->proxied = fg_access_look_behind(atomic_load(&exchange->gateway->access), head,
                                                  &exchange->peer, &exchange->secure);
    }
}

bool fg_exchange_find_client(struct fg_exchange *exchange, const struct fg_head *head,
                             struct fg_address *ret_client)
{
    pthread_mutex_lock(&exchange->shard->lock);
    look_behind(exchange, head);
    *ret_client = exchange->peer;
    bool proxied = exchange->proxied;
    pthread_mutex_unlock(&exchange->shard->lock);
    return proxied;
}

bool fg_exchange_is_proxy(struct fg_gateway *gateway, const struct fg_address *peer)
{
    /* While the lock is held, what decides is not replaced. */
    struct fg_shard *shard = fg_state_shard(gateway->state);
    pthread_mutex_lock(&shard->lock);
    bool is = fg_access_trusts(atomic_load(&gateway->access), peer);
    pthread_mutex_unlock(&shard->lock);
    return is;
}

bool fg_exchange_decide(struct fg_exchange *exchange, struct fg_head *head)
{
    struct fg_access *access = atomic_load(&exchange->gateway->access);
    struct fg_credentials credentials;
    bool first = !exchange->looked_at;
    if (first) {
        exchange->looked_at = true;
        look_behind(exchange, head);
        find_credentials(head, &credentials);
        keep_tried(exchange, &credentials);
        fg_access_recall(access, &credentials, &exchange->identity);
    }
    route(exchange, head, access);
    bool wait = first && exchange->route.kind == FG_ROUTE_LOGIN &&
                begin_login(exchange, access, &credentials);
    if (!wait && exchange->route.kind == FG_ROUTE_LOGIN) {
        exchange->identity.login = FG_LOGIN_BUSY;
        route(exchange, head, access);
    }
    fg_exchange_count_unknown(exchange);
    if (first && credentials.kind != FG_CREDENTIALS_NONE) {
        explicit_bzero(&credentials, sizeof(credentials));
    }
    return wait;
}

void fg_exchange_check_login(struct fg_exchange *exchange, bool busy)
{
    struct fg_login_try *login = exchange->login;
    struct fg_identity identity = {.login = FG_LOGIN_BUSY};
    if (!busy) {
        fg_access_check(login->access, &login->credentials, &identity);
    }
    pthread_mutex_lock(&exchange->shard->lock);
    exchange->identity = identity;
    exchange->login = NULL;
    pthread_mutex_unlock(&exchange->shard->lock);
    fg_access_unref(login->access);
    explicit_bzero(login, sizeof(*login));
    free(login);
    atomic_fetch_sub(&exchange->gateway->logins, 1);
}
