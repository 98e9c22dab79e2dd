/*
 * Starting and stopping. What is started is kept in one struct, and stopped in reverse order by one
 * function, however far the start came.
 */
#include "gateway/serve.h"
#include "framing/version.h"
#include "gateway/bundles/bundlefolder.h"

#include "gateway/admin/admin.h"
#include "gateway/admin/adminaccess.h"
#include "gateway/notify.h"
#include "gateway/preflight.h"
#include "gateway/public.h"
#include "gateway/reload.h"
#include "gateway/tools/tools.h"
#include "handlers/patience.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    TICK_MILLISECONDS = 200, /* how late a deadline may be noticed and a log line written */
    DRAIN_TICK_MILLISECONDS = 10,
    ANNOUNCEMENT_MAX = 1 << 20, /* of bytes; a configuration file, with its pushers, has no more */
    DESCRIPTORS_OF_THREAD = 3,  /* its library's epoll, its eventfd, its listening socket */
    DESCRIPTORS_EXTRA = 128,    /* for files, the admin listener and the libraries */
};

struct server {
    pthread_t warmer; /* reads ahead; joined at the end */
    bool warming;
    int argc;
    char **argv;
    struct fg_gateway gateway;
    struct fg_tls *tls; /* until it is in use */
    struct fg_log *log; /* the access log; NULL: none */
    int public_socket;  /* -1, also once it has been handed on */
    int admin_socket;
    struct fg_public *public;
    struct fg_admin *admin;
    sigset_t signals;
    char said[sizeof(((struct fg_error *)NULL)->message)]; /* of the repository; empty: nothing */
};

/* -- starting --------------------------------------------------------------------------------- */

/*
 * Two descriptors for each connection: a reply may be read from a file, a push is kept in one. Says
 * so if the system does not allow that many.
 */
static void raise_descriptor_limit(const struct fg_config *config)
{
    struct rlimit limit;
    rlim_t wanted = 2 * (rlim_t)config->connections +
                    DESCRIPTORS_OF_THREAD * (rlim_t)config->threads + DESCRIPTORS_EXTRA;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted) {
        fg_log_message("the system allows %llu descriptors, too few for %u connections",
                       (unsigned long long)limit.rlim_cur, config->connections);
    }
}

/*
 * What may need root, and giving it up. Nobody is accepted before all else is right: a start that
 * fails must not have taken anybody's connection.
 */
static enum fg_status bind_and_drop(struct server *server, struct fg_error *error)
{
    const struct fg_config *config = &server->gateway.config;
    enum fg_status status = fg_address_bind(&config->listen, &server->public_socket,
                                            &server->gateway.public_address, error);
    if (status == FG_OK) {
        status = fg_address_bind(&config->admin_listen, &server->admin_socket,
                                 &server->gateway.admin_address, error);
    }
    return status == FG_OK ? fg_preflight_user(config, error) : status;
}

static enum fg_status start_listeners(struct server *server, struct fg_error *error)
{
    int public_socket = server->public_socket;
    int admin_socket = server->admin_socket;
    enum fg_status status = fg_address_listen(admin_socket, &server->gateway.admin_address, error);
    if (status == FG_OK) {
        status = fg_address_listen(public_socket, &server->gateway.public_address, error);
    }
    if (status == FG_OK) {
        server->public_socket = -1;
        status = fg_public_start(&server->gateway, public_socket, &server->public, error);
    }
    if (status != FG_OK) {
        return status;
    }
    server->admin_socket = -1;
    return fg_admin_start(&server->gateway, server->public, admin_socket, &server->admin, error);
}

/*
 * Reads the texts of all changesets, which the first branchmap or lookup would otherwise do on a
 * connection's thread; damage in them shows now. On a thread of its own, so that answering starts
 * at once and no worker is taken from a slow command.
 */
static void *warm(void *context)
{
    struct server *server = context;
    struct fg_error error;
    /* Whoever asks meanwhile waits for it, so it has its time too; they go on where it ends. */
    fg_patience_begin(server->gateway.config.command_seconds);
    enum fg_status status = fg_repository_warm(server->gateway.repository, &error);
    bool over = fg_patience_end() || atomic_load(&server->gateway.draining);
    if (status != FG_OK && !over) {
        fg_log_message("the repository is not sound: %s", error.message);
    }
    return NULL;
}

/* On any thread, about the repository. */
static void log_line(const char *line)
{
    fg_log_message("%s", line);
}

static enum fg_status open_access_log(struct server *server, struct fg_error *error)
{
    int fd = -1;
    enum fg_status status = fg_log_open(server->gateway.config.access_log, &fd, error);
    if (status == FG_OK && fg_log_use(fd, &server->log) != FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory or of threads");
    }
    return status;
}

/*
 * Signals are taken by sigtimedwait alone; threads that are started later inherit this. Until then
 * they end the program, however long reading the repository takes.
 */
static void block_signals(struct server *server)
{
    sigemptyset(&server->signals);
    sigaddset(&server->signals, SIGTERM);
    sigaddset(&server->signals, SIGINT);
    sigaddset(&server->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &server->signals, NULL);
}

static enum fg_status start(struct server *server, struct fg_error *error)
{
    struct fg_gateway *gateway = &server->gateway;
    const struct fg_config *config = &gateway->config;
    fg_tls_use(server->tls);
    server->tls = NULL;
    enum fg_status status = bind_and_drop(server, error);
    if (status == FG_OK) {
        status = open_access_log(server, error);
    }
    if (status == FG_OK) {
        status = fg_preflight_open(config, &gateway->repository, error);
    }
    if (status == FG_OK) {
        status = fg_preflight_repository(config, gateway->repository, error);
    }
    if (status != FG_OK) {
        return status;
    }
    block_signals(server);
    fg_repository_set_writer_seconds(gateway->repository, config->command_seconds);
    if (fg_state_new(config->threads, config->memory_bytes, config->push_disk_bytes, server->log,
                     &gateway->state) != FG_OK ||
        fg_workers_new(config->workers, config->worker_queue, &gateway->workers) != FG_OK ||
        fg_workers_new(config->push_workers, config->worker_queue, &gateway->push_workers) !=
            FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory or of threads");
    }
    fg_workers_set_patience(gateway->workers, config->command_seconds);
    /* For hg, which has its own limit, and for reading what it did. */
    fg_workers_set_patience(gateway->push_workers, config->push_seconds + config->command_seconds);
    fg_repository_set_listener(gateway->repository, log_line);
    fg_repository_set_memory(gateway->repository, fg_state_memory(gateway->state));
    fg_repository_grant(gateway->repository, fg_preflight_granted(config));
    fg_repository_set_push_limits(
        gateway->repository, (struct fg_push_limits){config->unbundle_bytes, config->push_seconds,
                                                     fg_state_push_disk(gateway->state)});
    raise_descriptor_limit(config);
    status = fg_bundlefolder_new(config, gateway->workers, fg_state_memory(gateway->state),
                                 &gateway->bundles, error);
    return status == FG_OK ? start_listeners(server, error) : status;
}

/* Not before the first tick, so that it takes no time from the first requests. */
static void start_warming(struct server *server)
{
    if (!server->warming) {
        /* Without the thread the first who asks waits longer, no more. */
        server->warming = pthread_create(&server->warmer, NULL, warm, server) == 0;
    }
}

static void announce(const struct server *server)
{
    struct fg_buffer text = FG_BUFFER_INIT(ANNOUNCEMENT_MAX);
    char public_text[FG_ADDRESS_TEXT_SIZE];
    char admin_text[FG_ADDRESS_TEXT_SIZE];
    fg_address_format(&server->gateway.public_address, public_text);
    fg_address_format(&server->gateway.admin_address, admin_text);
    const struct fg_config *config = &server->gateway.config;
    fg_buffer_append_format(&text, "framegate: serving http%s://%s/ (state at http%s://%s/state)\n",
                            config->tls_certificate != NULL ? "s" : "", public_text,
                            fg_admin_has_tls(config) ? "s" : "", admin_text);
    fg_buffer_append_format(&text, "framegate: version %s, repository %s\n", FG_VERSION,
                            fg_repository_path(server->gateway.repository));
    const char *pusher = fg_words_next(&config->allow_push, NULL);
    fg_buffer_append_format(&text, "framegate: pushing:%s", pusher == NULL ? " nobody" : "");
    for (; pusher != NULL; pusher = fg_words_next(&config->allow_push, pusher)) {
        const char *name = strcmp(pusher, "*") == 0 ? "everyone with credentials" : pusher;
        fg_buffer_append_format(&text, " %s", name);
    }
    char folder[FG_BUNDLEFOLDER_TEXT_SIZE];
    fg_bundlefolder_name(config, folder);
    fg_buffer_append_format(&text, "\nframegate: bundle cache: %s\n", folder);
    if (fg_buffer_status(&text) == FG_OK) {
        fg_log_write(fg_log_output(), fg_buffer_view(&text));
    }
    fg_buffer_free(&text);
    fg_notify("READY=1");
}

/* -- running and stopping --------------------------------------------------------------------- */

/* Waits that long for a signal; true if one came that says to stop. Reloads where one says so. */
static bool wait_for_signal(struct server *server, long milliseconds)
{
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    int number = sigtimedwait(&server->signals, NULL, &time);
    if (number != SIGHUP) {
        return number > 0;
    }
    if (!atomic_load(&server->gateway.draining)) {
        fg_notify_reloading();
        fg_reload(&server->gateway, server->log, server->argc, server->argv);
        fg_notify("READY=1");
    }
    return false;
}

/* Once for each reason: clients are not told of paths, and ask often. */
static void say_repository(struct server *server)
{
    struct fg_repository *repository = server->gateway.repository;
    const char *path = fg_repository_path(repository);
    struct fg_error failure = {.message = ""};
    if (fg_repository_failure(repository, &failure)) {
        if (strcmp(failure.message, server->said) != 0) {
            fg_log_message("the repository %s cannot be read: %s", path, failure.message);
        }
    } else if (server->said[0] != '\0') {
        fg_log_message("the repository %s can be read again", path);
    }
    memcpy(server->said, failure.message, sizeof(server->said));
}

static void tick(struct server *server)
{
    say_repository(server);
    fg_state_flush_log(server->gateway.state);
    fg_connections_cut(fg_public_connections(server->public));
    fg_admin_tick(server->admin);
}

/* Lets what runs come to its end, until the time is over or a second signal comes. */
static void drain(struct server *server)
{
    struct fg_gateway *gateway = &server->gateway;
    uint64_t deadline = fg_now_microseconds() + (uint64_t)gateway->config.drain_seconds * 1000000;
    atomic_store(&gateway->draining, true);
    fg_notify("STOPPING=1");
    fg_log_message("stopping: %llu requests are running",
                   (unsigned long long)fg_state_in_flight(gateway->state));
    fg_public_quiesce(server->public);
    while (fg_state_in_flight(gateway->state) > 0 && fg_now_microseconds() < deadline &&
           !wait_for_signal(server, DRAIN_TICK_MILLISECONDS)) {
        tick(server);
    }
    uint64_t left = fg_state_in_flight(gateway->state);
    if (left > 0) {
        fg_log_message("stopping with %llu requests unfinished", (unsigned long long)left);
    }
}

static void close_socket(int socket)
{
    if (socket >= 0) {
        close(socket);
    }
}

static void stop(struct server *server)
{
    struct fg_gateway *gateway = &server->gateway;
    fg_admin_stop(server->admin);
    fg_patience_stop();
    if (gateway->repository != NULL) {
        /* A push may take longer than anybody waits for a program to stop; hg rolls it back. */
        fg_repository_stop_writers(gateway->repository);
    }
    /* First the workers: a connection that sleeps while the library stops would abort the process.
     */
    fg_workers_stop(gateway->push_workers);
    fg_workers_stop(gateway->workers);
    fg_public_stop(server->public);
    fg_bundlefolder_free(gateway->bundles);
    fg_workers_free(gateway->push_workers);
    fg_workers_free(gateway->workers);
    if (gateway->state != NULL) {
        fg_state_flush_log(gateway->state);
    }
    if (server->warming) {
        /* It counts what it holds in the state. */
        pthread_join(server->warmer, NULL);
    }
    fg_state_free(gateway->state);
    fg_repository_close(gateway->repository);
    fg_access_unref(atomic_load(&gateway->access));
    fg_tls_free(server->tls);
    fg_tls_use(NULL);
    close_socket(server->public_socket);
    close_socket(server->admin_socket);
    fg_config_clear(&gateway->config);
}

static int run(struct server *server)
{
    struct fg_error error = {.message = ""};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error of writing, like a full disk */
    signal(SIGHUP, SIG_IGN);
    int result = 0;
    if (start(server, &error) != FG_OK) {
        fg_log_failure("%s", error.message);
        result = 1;
    } else {
        announce(server);
        fg_preflight_warn(&server->gateway.config, atomic_load(&server->gateway.access));
        while (!wait_for_signal(server, TICK_MILLISECONDS)) {
            tick(server);
            start_warming(server);
        }
        drain(server);
    }
    stop(server);
    return result;
}

/* What is wrong, as one line. The result is the exit status. */
static int refuse(const struct fg_config *config, enum fg_status status,
                  const struct fg_error *error)
{
    bool usage = status == FG_ERR_ARGUMENT && config->file == NULL && !config->check_only;
    fg_log_failure("%s%s", error->message, usage ? " (see 'framegate serve --help')" : "");
    return usage ? FG_EXIT_USAGE : FG_EXIT_FAILURE;
}

/* The library's own way would print, wherever standard error goes. */
_Noreturn static void panic(void *context, const char *file, unsigned line, const char *reason)
{
    (void)context;
    fg_log_failure("libmicrohttpd, %s:%u: %s", file, line, reason != NULL ? reason : "?");
    fg_log_finish();
    abort();
}

static int serve(int argc, char **argv)
{
    struct fg_loaded loaded;
    struct fg_error error = {.message = ""};
    enum fg_status status = fg_load(argc, argv, &loaded, &error);
    if (status == FG_END) {
        return fg_tool_help(fg_help_find("serve"));
    }
    if (status != FG_OK) {
        return refuse(&loaded.config, status, &error);
    }
    if (loaded.config.check_only) {
        bool fine = fg_preflight_check(&loaded.config, loaded.access);
        fg_loaded_clear(&loaded);
        return fine ? FG_EXIT_OK : FG_EXIT_FAILURE;
    }
    struct server server = {.argc = argc,
                            .argv = argv,
                            .gateway.config = loaded.config,
                            .tls = loaded.tls,
                            .public_socket = -1,
                            .admin_socket = -1};
    atomic_init(&server.gateway.access, loaded.access);
    return run(&server);
}

int fg_serve_main(int argc, char **argv)
{
    if (fg_log_start() != FG_OK) {
        fg_log_failure("out of memory or of threads");
        return FG_EXIT_FAILURE;
    }
    MHD_set_panic_func(panic, NULL);
    int result = serve(argc, argv);
    fg_log_finish();
    return result;
}
