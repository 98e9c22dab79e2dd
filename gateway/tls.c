/*
 * Certificates. GnuTLS asks for one at each handshake and gets copies that it frees itself, so a
 * certificate may be replaced at any time.
 */
#include "gateway/tls.h"

#include "gateway/access/lines.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    CHAIN_MAX = 16,
    PEM_MAX_SIZE = 1 << 20,
};

struct fg_tls {
    gnutls_x509_crt_t *chain;
    unsigned chain_count;
    gnutls_x509_privkey_t key;
};

static struct {
    pthread_mutex_t lock;
    struct fg_tls *tls;
} current = {PTHREAD_MUTEX_INITIALIZER, NULL};

/* -- reading ---------------------------------------------------------------------------------- */

static enum fg_status fail(struct fg_error *error, const char *what, int code)
{
    return fg_fail(error, code == GNUTLS_E_MEMORY_ERROR ? FG_ERR_MEMORY : FG_ERR_SYNTAX, 0,
                   "%s: %s", what, gnutls_strerror(code));
}

static gnutls_datum_t datum_of(const struct fg_buffer *buffer)
{
    return (gnutls_datum_t){buffer->data, (unsigned)buffer->size};
}

static enum fg_status read_chain(struct fg_tls *tls, const char *path, struct fg_error *error)
{
    struct fg_buffer pem = FG_BUFFER_INIT(PEM_MAX_SIZE);
    enum fg_status status = fg_lines_read_file(path, &pem, error);
    if (status != FG_OK) {
        return status;
    }
    gnutls_datum_t datum = datum_of(&pem);
    int code =
        gnutls_x509_crt_list_import2(&tls->chain, &tls->chain_count, &datum, GNUTLS_X509_FMT_PEM,
                                     GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    fg_lines_wipe(&pem);
    if (code < 0) {
        return fail(error, path, code);
    }
    if (tls->chain_count > CHAIN_MAX) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "%s: has over %d certificates", path, CHAIN_MAX);
    }
    return FG_OK;
}

static enum fg_status read_key(struct fg_tls *tls, const char *path, struct fg_error *error)
{
    struct fg_buffer pem = FG_BUFFER_INIT(PEM_MAX_SIZE);
    enum fg_status status = fg_lines_read_file(path, &pem, error);
    if (status != FG_OK) {
        return status;
    }
    gnutls_datum_t datum = datum_of(&pem);
    int code = gnutls_x509_privkey_init(&tls->key);
    if (code == 0) {
        code = gnutls_x509_privkey_import2(tls->key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
    }
    fg_lines_wipe(&pem);
    return code == 0 ? FG_OK : fail(error, path, code);
}

/* The same key on both sides? */
static enum fg_status check_pair(const struct fg_tls *tls, const struct fg_config *config,
                                 struct fg_error *error)
{
    uint8_t ids[2][64];
    size_t sizes[2] = {sizeof(ids[0]), sizeof(ids[1])};
    int code =
        gnutls_x509_crt_get_key_id(tls->chain[0], GNUTLS_KEYID_USE_SHA256, ids[0], &sizes[0]);
    if (code == 0) {
        code = gnutls_x509_privkey_get_key_id(tls->key, GNUTLS_KEYID_USE_SHA256, ids[1], &sizes[1]);
    }
    if (code != 0) {
        return fail(error, config->tls_key, code);
    }
    if (!fg_bytes_equal((struct fg_bytes){ids[0], sizes[0]}, (struct fg_bytes){ids[1], sizes[1]})) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "%s is not the key of the certificate %s",
                       config->tls_key, config->tls_certificate);
    }
    return FG_OK;
}

static enum fg_status check_priorities(const struct fg_config *config, struct fg_error *error)
{
    const char *text = config->tls_priorities;
    char name[FG_SETTING_NAME_SIZE];
    gnutls_priority_t priorities = NULL;
    const char *where = text;
    int code = gnutls_priority_init(&priorities, text, &where);
    if (code != 0) {
        fg_config_name(config, "tls-priorities", name);
        return fg_fail(error, FG_ERR_SYNTAX, 0, "%s: %s at '%s'", name, gnutls_strerror(code),
                       where);
    }
    gnutls_priority_deinit(priorities);
    return FG_OK;
}

enum fg_status fg_tls_load(const struct fg_config *config, struct fg_tls **ret_tls,
                           struct fg_error *error)
{
    /* Also where there is no TLS yet: a mistake shows when it is made. */
    enum fg_status status = check_priorities(config, error);
    if (status != FG_OK) {
        return status;
    }
    if (config->tls_certificate == NULL) {
        *ret_tls = NULL;
        return FG_OK;
    }
    struct fg_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    status = read_chain(tls, config->tls_certificate, error);
    if (status == FG_OK) {
        status = read_key(tls, config->tls_key, error);
    }
    if (status == FG_OK) {
        status = check_pair(tls, config, error);
    }
    if (status != FG_OK) {
        fg_tls_free(tls);
        return status;
    }
    *ret_tls = tls;
    return FG_OK;
}

void fg_tls_free(struct fg_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    for (unsigned i = 0; i < tls->chain_count; i++) {
        gnutls_x509_crt_deinit(tls->chain[i]);
    }
    gnutls_free(tls->chain);
    if (tls->key != NULL) {
        gnutls_x509_privkey_deinit(tls->key);
    }
    free(tls);
}

/* -- showing ---------------------------------------------------------------------------------- */

void fg_tls_use(struct fg_tls *tls)
{
    pthread_mutex_lock(&current.lock);
    struct fg_tls *before = current.tls;
    current.tls = tls;
    pthread_mutex_unlock(&current.lock);
    fg_tls_free(before);
}

int64_t fg_tls_expires(void)
{
    pthread_mutex_lock(&current.lock);
    const struct fg_tls *tls = current.tls;
    int64_t expires = tls != NULL && tls->chain_count > 0
                          ? (int64_t)gnutls_x509_crt_get_expiration_time(tls->chain[0])
                          : 0;
    pthread_mutex_unlock(&current.lock);
    return expires > 0 ? expires : 0;
}

static int copy_chain(const struct fg_tls *tls, gnutls_pcert_st **ret_chain)
{
    gnutls_pcert_st *chain = gnutls_calloc(tls->chain_count, sizeof(*chain));
    if (chain == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    for (unsigned i = 0; i < tls->chain_count; i++) {
        int code = gnutls_pcert_import_x509(&chain[i], tls->chain[i], 0);
        if (code != 0) {
            while (i > 0) {
                gnutls_pcert_deinit(&chain[--i]);
            }
            gnutls_free(chain);
            return code;
        }
    }
    *ret_chain = chain;
    return 0;
}

static int copy_key(const struct fg_tls *tls, gnutls_privkey_t *ret_key)
{
    gnutls_privkey_t key = NULL;
    int code = gnutls_privkey_init(&key);
    if (code == 0) {
        code = gnutls_privkey_import_x509(key, tls->key, GNUTLS_PRIVKEY_IMPORT_COPY);
        if (code != 0) {
            gnutls_privkey_deinit(key);
        }
    }
    if (code == 0) {
        *ret_key = key;
    }
    return code;
}

/* A handshake wants the certificate; what it gets is its own. */
static int on_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                          gnutls_pcert_st **ret_chain, unsigned *ret_count,
                          gnutls_ocsp_data_st **ret_ocsp, unsigned *ret_ocsp_count,
                          gnutls_privkey_t *ret_key, unsigned *ret_flags)
{
    (void)session;
    (void)info;
    *ret_ocsp = NULL;
    *ret_ocsp_count = 0;
    *ret_count = 0;
    pthread_mutex_lock(&current.lock);
    int code = current.tls != NULL ? copy_key(current.tls, ret_key) : GNUTLS_E_NO_CERTIFICATE_FOUND;
    if (code == 0) {
        code = copy_chain(current.tls, ret_chain);
        if (code == 0) {
            *ret_count = current.tls->chain_count;
            *ret_flags = GNUTLS_CERT_RETR_DEINIT_ALL;
        } else {
            gnutls_privkey_deinit(*ret_key);
        }
    }
    pthread_mutex_unlock(&current.lock);
    return code == 0 ? 0 : -1;
}

void fg_tls_send(void *session, const char *data, size_t size)
{
    if (gnutls_record_send(session, data, size) == (ssize_t)size) {
        (void)gnutls_bye(session, GNUTLS_SHUT_WR);
    }
}

static int on_finished(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                       const gnutls_datum_t *message)
{
    (void)type;
    (void)when;
    (void)message;
    if (incoming != 0) {
        bool *done = gnutls_db_get_ptr(session);
        *done = true;
    }
    return 0;
}

void fg_tls_watch(void *session, bool *done)
{
    gnutls_db_set_ptr(session, done); /* it has no database, so this is free */
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST,
                                       on_finished);
}

unsigned fg_tls_options(const struct fg_config *config, bool wanted,
                        struct MHD_OptionItem ret_options[FG_TLS_OPTIONS])
{
    const struct MHD_OptionItem end = {MHD_OPTION_END, 0, NULL};
    if (!wanted) {
        ret_options[0] = end;
        return 0;
    }
    ret_options[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK2, 0,
                                             (void *)(uintptr_t)on_certificate};
    ret_options[1] =
        (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, config->tls_priorities};
    ret_options[2] = end;
    return MHD_USE_TLS;
}
