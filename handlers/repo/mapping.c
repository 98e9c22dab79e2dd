/*
 * Mapped files and the SIGBUS handler that belongs to them. The handler walks a list of slots that
 * only ever grows (a slot is used again, never freed), so it needs no lock. A SIGBUS at any other
 * address goes to the handler that was there before, or ends the process as it would have.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MAP_POPULATE */

#include "handlers/repo/mapping.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct fg_mapping {
    atomic_bool used; /* the slot belongs to somebody */
    atomic_bool torn;
    _Atomic uintptr_t start; /* 0 while nothing is mapped */
    _Atomic size_t size;
    struct fg_mapping *next; /* set before the slot is published, never changed */
};

static _Atomic(struct fg_mapping *) slots;
static struct sigaction previous_action;
static pthread_once_t install_once = PTHREAD_ONCE_INIT;
static uintptr_t page_size;

static struct fg_mapping *slot_of(uintptr_t address)
{
    for (struct fg_mapping *slot = atomic_load(&slots); slot != NULL; slot = slot->next) {
        uintptr_t start = atomic_load(&slot->start);
        if (start != 0 && address >= start && address - start < atomic_load(&slot->size)) {
            return slot;
        }
    }
    return NULL;
}

static void on_sigbus(int signal_number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    uintptr_t address = (uintptr_t)info->si_addr;
    struct fg_mapping *slot = slot_of(address);
    void *page = (void *)(address & ~(page_size - 1));
    if (slot != NULL && mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                             -1, 0) != MAP_FAILED) {
        atomic_store(&slot->torn, true);
    } else if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
        previous_action.sa_sigaction(signal_number, info, context);
    } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
        previous_action.sa_handler(signal_number);
    } else {
        /* The access is repeated when this returns, and ends the process this time. */
        signal(SIGBUS, SIG_DFL);
    }
    errno = saved_errno;
}

static void install(void)
{
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous_action);
}

/* A slot that nobody uses, from the list or new. NULL: out of memory. */
static struct fg_mapping *take_slot(void)
{
    for (struct fg_mapping *slot = atomic_load(&slots); slot != NULL; slot = slot->next) {
        bool unused = false;
        if (atomic_compare_exchange_strong(&slot->used, &unused, true)) {
            return slot;
        }
    }
    struct fg_mapping *slot = calloc(1, sizeof *slot);
    if (slot == NULL) {
        return NULL;
    }
    atomic_store(&slot->used, true);
    slot->next = atomic_load(&slots);
    while (!atomic_compare_exchange_weak(&slots, &slot->next, slot)) {
    }
    return slot;
}

enum fg_status fg_mapping_new(int fd, size_t size, struct fg_mapping **ret_mapping,
                              struct fg_error *error)
{
    pthread_once(&install_once, install);
    struct fg_mapping *mapping = take_slot();
    if (mapping == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    /* Not MAP_POPULATE, which would fault on a file that has just been cut; read-ahead does it. */
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        atomic_store(&mapping->used, false);
        return fg_fail(error, errno == ENOMEM ? FG_ERR_MEMORY : FG_ERR_IO, 0,
                       "cannot map a file of %zu bytes", size);
    }
    madvise(data, size, MADV_WILLNEED);
    atomic_store(&mapping->torn, false);
    atomic_store(&mapping->size, size);
    atomic_store(&mapping->start, (uintptr_t)data);
    *ret_mapping = mapping;
    return FG_OK;
}

void fg_mapping_free(struct fg_mapping *mapping)
{
    if (mapping == NULL) {
        return;
    }
    void *data = (void *)atomic_load(&mapping->start);
    size_t size = atomic_load(&mapping->size);
    atomic_store(&mapping->start, 0);
    munmap(data, size);
    atomic_store(&mapping->used, false);
}

struct fg_bytes fg_mapping_bytes(const struct fg_mapping *mapping)
{
    return (struct fg_bytes){(const uint8_t *)atomic_load(&mapping->start),
                             atomic_load(&mapping->size)};
}

bool fg_mapping_torn(const struct fg_mapping *mapping)
{
    return atomic_load(&mapping->torn);
}

void fg_mapping_forget(const struct fg_mapping *mapping)
{
    struct fg_bytes bytes = fg_mapping_bytes(mapping);
    madvise((void *)(uintptr_t)bytes.data, bytes.size, MADV_DONTNEED);
}

void fg_advise_large(void *memory, size_t size)
{
    enum { SMALLEST = 4 << 20, PAGE = 4096 };
    if (memory == NULL || size < SMALLEST) {
        return;
    }
    uintptr_t start = ((uintptr_t)memory + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    uintptr_t end = ((uintptr_t)memory + size) & ~(uintptr_t)(PAGE - 1);
    madvise((char *)memory + (start - (uintptr_t)memory), end - start, MADV_HUGEPAGE);
}
