/* A thread that drives one daemon of the HTTP library. */
#include "gateway/driver.h"

#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How long the daemon has nothing to do unless something arrives, in milliseconds; -1 for ever. */
static int rest_of(struct MHD_Daemon *daemon)
{
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    if (MHD_get_timeout(daemon, &timeout) != MHD_YES) {
        return -1;
    }
    return timeout < INT_MAX ? (int)timeout : INT_MAX;
}

/* Not until here is it certain that the thread accepts nothing from the socket that it closes. */
static void quiesce(struct MHD_Daemon *daemon)
{
    int listen_socket = MHD_quiesce_daemon(daemon);
    if (listen_socket >= 0) {
        /* Else the kernel would go on accepting into the backlog. */
        close(listen_socket);
    }
}

static unsigned connections_of(struct MHD_Daemon *daemon)
{
    return MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* Does what can be done without waiting: only so does the library never sleep on what it has. */
static void run(struct MHD_Daemon *daemon)
{
    unsigned before = 0;
    do {
        before = connections_of(daemon);
        (void)MHD_run(daemon);
        /* Only the next run sees that one which ended leaves its place to one that waits. */
    } while (connections_of(daemon) < before);
}

static void *drive(void *context)
{
    struct fg_driver *driver = context;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(driver->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd waits[] = {{.fd = info->epoll_fd, .events = POLLIN},
                             {.fd = driver->wake, .events = POLLIN}};
    int done = FG_DRIVER_RUN;
    int order = FG_DRIVER_RUN;
    while (order != FG_DRIVER_STOP) {
        if (order != done) {
            quiesce(driver->daemon);
            done = order;
        }
        driver->busy = false;
        run(driver->daemon);
        int rest = driver->busy ? 0 : rest_of(driver->daemon);
        if (rest != 0 && poll(waits, 2, rest) > 0 && waits[1].revents != 0) {
            eventfd_t count;
            (void)eventfd_read(driver->wake, &count);
        }
        order = atomic_load_explicit(&driver->order, memory_order_relaxed);
    }
    return NULL;
}

enum fg_status fg_driver_start(struct fg_driver *driver, struct MHD_Daemon *daemon)
{
    driver->daemon = daemon;
    driver->busy = false;
    atomic_init(&driver->order, FG_DRIVER_RUN);
    driver->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (driver->wake < 0) {
        return FG_ERR_MEMORY;
    }
    if (pthread_create(&driver->thread, NULL, drive, driver) != 0) {
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
    close(driver->wake);
}
