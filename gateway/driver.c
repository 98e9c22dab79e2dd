/* A thread that accepts connections and drives daemons of the HTTP library. */
#include "gateway/driver.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    ACCEPTS_MAX = 16,       /* in a row, so that other threads get their share */
    SHORT_MILLISECONDS = 50 /* between tries when the system gives no descriptor */
};

/* How long the daemon has nothing to do unless something arrives, in milliseconds; -1 for ever. */
static int rest_of(struct MHD_Daemon *daemon)
{
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    if (MHD_get_timeout(daemon, &timeout) != MHD_YES) {
        return -1;
    }
    return timeout < INT_MAX ? (int)timeout : INT_MAX;
}

static int earlier(int one, int other)
{
    return one < 0 ? other : other < 0 || one < other ? one : other;
}

static unsigned connections_of(struct MHD_Daemon *daemon)
{
    return MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* How many more connections the thread may have. */
static unsigned places(const struct fg_driver *driver)
{
    unsigned taken = connections_of(driver->daemons[FG_DRIVER_NARROW]) +
                     connections_of(driver->daemons[FG_DRIVER_WIDE]);
    return taken < driver->connections_max ? driver->connections_max - taken : 0;
}

/* Takes the connections that wait, while there are places. False: the system has no room. */
static bool take_connections(struct fg_driver *driver)
{
    unsigned count = places(driver);
    for (unsigned i = 0; i < count && i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof(peer);
        int socket = accept4(driver->listen_socket, (struct sockaddr *)&peer, &size,
                             SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket < 0) {
            return errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS;
        }
        const struct sockaddr *address = (const struct sockaddr *)&peer;
        enum fg_driver_room room = driver->choose(driver->context, address);
        /* On a failure the library has closed the socket. */
        (void)MHD_add_connection(driver->daemons[room], socket, address, size);
    }
    return true;
}

/*
 * Does what can be done without waiting: only so does the library never sleep on what it has. How
 * long nothing is to be done then. Nearly always there is no wide connection, and running a daemon
 * for nothing is a system call.
 */
static int run(struct fg_driver *driver, bool wide)
{
    struct MHD_Daemon *narrow = driver->daemons[FG_DRIVER_NARROW];
    driver->busy = false;
    (void)MHD_run(narrow);
    int rest = rest_of(narrow);
    if (wide) {
        (void)MHD_run(driver->daemons[FG_DRIVER_WIDE]);
        rest = earlier(rest, rest_of(driver->daemons[FG_DRIVER_WIDE]));
    }
    return driver->busy ? 0 : rest;
}

/* Not until here is it certain that the thread accepts nothing from the socket that it closes. */
static void quiesce(struct fg_driver *driver)
{
    /* Else the kernel would go on accepting into the backlog. */
    close(driver->listen_socket);
    driver->listen_socket = -1;
}

static int epoll_of(struct MHD_Daemon *daemon)
{
    return MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static void *drive(void *context)
{
    enum { LISTEN, WAKE, NARROW, WIDE, WAITS };
    struct fg_driver *driver = context;
    struct pollfd waits[WAITS] = {
        [LISTEN] = {.events = POLLIN},
        [WAKE] = {.fd = driver->wake, .events = POLLIN},
        [NARROW] = {.fd = epoll_of(driver->daemons[FG_DRIVER_NARROW]), .events = POLLIN},
        [WIDE] = {.fd = epoll_of(driver->daemons[FG_DRIVER_WIDE]), .events = POLLIN},
    };
    bool has_room = true;
    bool added = false;
    int order = FG_DRIVER_RUN;
    while (order != FG_DRIVER_STOP) {
        if (order == FG_DRIVER_QUIESCE && driver->listen_socket >= 0) {
            quiesce(driver);
        }
        bool wide = added || waits[WIDE].revents != 0 ||
                    connections_of(driver->daemons[FG_DRIVER_WIDE]) > 0;
        int rest = run(driver, wide);
        /* Asked after the run, in which places may have become free. */
        bool listens = driver->listen_socket >= 0 && places(driver) > 0;
        waits[LISTEN].fd = listens && has_room ? driver->listen_socket : -1;
        if (listens && !has_room) {
            rest = earlier(rest, SHORT_MILLISECONDS);
        }
        bool found = poll(waits, WAITS, rest) > 0;
        if (found && waits[WAKE].revents != 0) {
            eventfd_t count;
            (void)eventfd_read(driver->wake, &count);
        }
        added = found && waits[LISTEN].revents != 0;
        has_room = !added || take_connections(driver);
        order = atomic_load_explicit(&driver->order, memory_order_relaxed);
    }
    return NULL;
}

enum fg_status fg_driver_start(struct fg_driver *driver)
{
    driver->busy = false;
    atomic_init(&driver->order, FG_DRIVER_RUN);
    driver->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (driver->wake < 0) {
        close(driver->listen_socket);
        return FG_ERR_MEMORY;
    }
    if (pthread_create(&driver->thread, NULL, drive, driver) != 0) {
        close(driver->listen_socket);
        close(driver->wake);
        return FG_ERR_MEMORY;
    }
    return FG_OK;
}

static void wake(struct fg_driver *driver)
{
    (void)eventfd_write(driver->wake, 1); /* it fails only if the thread is to wake up already */
}

void fg_driver_resume(struct fg_driver *driver, struct MHD_Connection *connection)
{
    MHD_resume_connection(connection);
    wake(driver);
}

static void give(struct fg_driver *driver, enum fg_driver_order order)
{
    atomic_store(&driver->order, (int)order);
    wake(driver);
}

void fg_driver_quiesce(struct fg_driver *driver)
{
    give(driver, FG_DRIVER_QUIESCE);
}

void fg_driver_stop(struct fg_driver *driver)
{
    give(driver, FG_DRIVER_STOP);
    pthread_join(driver->thread, NULL);
    if (driver->listen_socket >= 0) {
        close(driver->listen_socket);
    }
    close(driver->wake);
}
