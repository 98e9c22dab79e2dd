/*
 * The certificate that TLS connections are shown. There is one for the whole process, because
 * GnuTLS asks for it without saying for whom.
 */
#ifndef FRAMEGATE_GATEWAY_TLS_H
#define FRAMEGATE_GATEWAY_TLS_H

#include "gateway/config/config.h"

#include <microhttpd.h>
#include <stdint.h>

enum { FG_TLS_OPTIONS = 3 };

struct fg_tls; /* a certificate and its key */

/*
 * Reads certificate and key, and checks that they belong together and that the priorities mean
 * something. *ret_tls is NULL if config has no certificate. FG_ERR_IO, FG_ERR_LIMIT, FG_ERR_MEMORY,
 * FG_ERR_SYNTAX (what GnuTLS refuses); error names the file.
 */
enum fg_status fg_tls_load(const struct fg_config *config, struct fg_tls **ret_tls,
                           struct fg_error *error);

/* Takes NULL. */
void fg_tls_free(struct fg_tls *tls);

/*
 * Shows this one from now on; connections that are open go on with theirs. Takes it over, and frees
 * the one before. NULL: none.
 */
void fg_tls_use(struct fg_tls *tls);

/* When the certificate in use expires, in seconds since 1970; 0 if there is none. */
int64_t fg_tls_expires(void);

/*
 * What a daemon of the HTTP library is started with: MHD_USE_TLS or 0 is returned, and the options
 * that go with it are filled in, for MHD_OPTION_ARRAY. wanted: this listener is to speak TLS.
 */
unsigned fg_tls_options(const struct fg_config *config, bool wanted,
                        struct MHD_OptionItem ret_options[FG_TLS_OPTIONS]);

/*
 * Sends data and the end of all data on a session of the HTTP library's, on its thread, as far as
 * the socket takes them without waiting.
 */
void fg_tls_send(void *session, const char *data, size_t size);

/*
 * Has *done set, on its thread, when the peer's last word of the handshake is in; done is to live
 * as long as the session. For a session of the HTTP library's whose handshake has not begun.
 */
void fg_tls_watch(void *session, bool *done);

#endif
