/* A disk that fails on command, for tests: preloaded into the hub, it counts the calls that change files below one folder
 * and lets the N-th of a kind fail, once or from then on, or lets it write half, or only makes it slow.
 *
 *   IOFAIL_FOLDER   files below this folder count, others are left alone
 *   IOFAIL_REPORT   a file of IOFAIL_WORDS 64-bit words that this process and the test both see; see enum word
 *   IOFAIL_KIND     write, sync, truncate or allocate: which calls may fail
 *   IOFAIL_FILE     only calls on this file may fail and are counted for it: 1 the database, 2 its log, 3 its shared memory
 *   IOFAIL_AT       the first call of that kind that fails, from 1; 0 or absent: none
 *   IOFAIL_ERRNO    the error; 0 means a short write of half the bytes
 *   IOFAIL_LASTING  1: every call of that kind from IOFAIL_AT on fails
 *   IOFAIL_SYNC_MS  every sync takes at least this long
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { WRITE, SYNC, TRUNCATE, ALLOCATE, KINDS };

/* The test reads these by the same numbers. */
enum word {
    COUNTED = 0,    /* calls of each kind, KINDS words */
    FIRED = 4,      /* how often a call was made to fail */
    FIRED_AT = 5,   /* the first time, in nanoseconds of CLOCK_MONOTONIC */
    FIRED_FILE = 6, /* what failed first: see file_of */
    WAL_WRITES = 7, /* writes to the write-ahead log that returned */
    WAL_SYNCED = 8, /* how many of them a successful sync that began later has made durable */
    IOFAIL_WORDS = 16
};

static const char *const kind_names[KINDS] = {"write", "sync", "truncate", "allocate"};
static _Atomic uint64_t *words;
static char folder[PATH_MAX];
static size_t folder_length;
static int kind = -1, only_file, error_number = EIO, lasting, sync_ms;
static uint64_t at;

static uint64_t number(const char *name) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("IOFAIL_REPORT"), *below = getenv("IOFAIL_FOLDER"), *name = getenv("IOFAIL_KIND");
    if (!path || !below || strlen(below) >= sizeof folder) return;
    int report = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    size_t size = IOFAIL_WORDS * sizeof *words;
    if (report < 0 || posix_fallocate(report, 0, size) != 0) abort();
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, report, 0);
    if (shared == MAP_FAILED) abort();
    close(report);
    for (int i = 0; name && i < KINDS; i++)
        if (strcmp(name, kind_names[i]) == 0) kind = i;
    at = number("IOFAIL_AT");
    only_file = (int)number("IOFAIL_FILE");
    if (getenv("IOFAIL_ERRNO")) error_number = (int)number("IOFAIL_ERRNO");
    lasting = (int)number("IOFAIL_LASTING");
    sync_ms = (int)number("IOFAIL_SYNC_MS");
    strcpy(folder, below);
    folder_length = strlen(folder);
    words = shared; /* last: from here on calls count */
}

/* 0: none of ours; 1: the database, 2: its log, 3: its shared memory, 4: another file of the folder. */
static int file_of(int fd) {
    char link[64], path[PATH_MAX];
    if (!words) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= (ssize_t)folder_length || memcmp(path, folder, folder_length) != 0 || path[folder_length] != '/') return 0;
    path[length] = 0;
    const char *dash = strrchr(path, '/');
    if (strcmp(dash, "/db.sqlite") == 0) return 1;
    if (strcmp(dash, "/db.sqlite-wal") == 0) return 2;
    if (strcmp(dash, "/db.sqlite-shm") == 0) return 3;
    return 4;
}

/* Counts one call; whether it is to fail. */
static int fails(int of, int file) {
    if (!file || (only_file && file != only_file)) return 0;
    uint64_t nth = atomic_fetch_add(&words[COUNTED + of], 1) + 1;
    if (of != kind || at == 0 || nth < at || (nth > at && !lasting)) return 0;
    if (atomic_fetch_add(&words[FIRED], 1) == 0) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        atomic_store(&words[FIRED_FILE], (uint64_t)file);
        atomic_store(&words[FIRED_AT], (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    }
    return 1;
}

#define REAL(type, name, ...)                                  \
    static type (*real)(__VA_ARGS__);                          \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

/* How much of `size` a write may write: all of it, half, or -1 and an error. */
static ssize_t allowed(int file, size_t size) {
    if (!fails(WRITE, file)) return (ssize_t)size;
    if (error_number == 0) return size > 1 ? (ssize_t)(size / 2) : (ssize_t)size;
    errno = error_number;
    return -1;
}

static ssize_t wrote(int file, ssize_t done) {
    if (file == 2 && done > 0) atomic_fetch_add(&words[WAL_WRITES], 1);
    return done;
}

ssize_t write(int fd, const void *from, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    int file = file_of(fd);
    ssize_t most = allowed(file, size);
    return most < 0 ? -1 : wrote(file, real(fd, from, (size_t)most));
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t where) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    int file = file_of(fd);
    ssize_t most = allowed(file, size);
    return most < 0 ? -1 : wrote(file, real(fd, from, (size_t)most, where));
}

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t where) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    int file = file_of(fd);
    ssize_t most = allowed(file, size);
    return most < 0 ? -1 : wrote(file, real(fd, from, (size_t)most, where));
}

static int synced(int file, int (*real)(int), int fd) {
    uint64_t before = file == 2 ? atomic_load(&words[WAL_WRITES]) : 0;
    if (file && sync_ms > 0) usleep((useconds_t)sync_ms * 1000);
    if (fails(SYNC, file) && error_number != 0) {
        errno = error_number;
        return -1;
    }
    int done = real(fd);
    if (file == 2 && done == 0) {
        uint64_t known = atomic_load(&words[WAL_SYNCED]);
        while (known < before && !atomic_compare_exchange_weak(&words[WAL_SYNCED], &known, before)) {}
    }
    return done;
}

int fsync(int fd) {
    REAL(int, fsync, int);
    return synced(file_of(fd), real, fd);
}

int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    return synced(file_of(fd), real, fd);
}

static int refused(int of, int fd) {
    if (!fails(of, file_of(fd)) || error_number == 0) return 0;
    errno = error_number;
    return 1;
}

int ftruncate(int fd, off_t length) {
    REAL(int, ftruncate, int, off_t);
    return refused(TRUNCATE, fd) ? -1 : real(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    REAL(int, ftruncate64, int, off64_t);
    return refused(TRUNCATE, fd) ? -1 : real(fd, length);
}

int fallocate(int fd, int mode, off_t from, off_t length) {
    REAL(int, fallocate, int, int, off_t, off_t);
    return refused(ALLOCATE, fd) ? -1 : real(fd, mode, from, length);
}

int fallocate64(int fd, int mode, off64_t from, off64_t length) {
    REAL(int, fallocate64, int, int, off64_t, off64_t);
    return refused(ALLOCATE, fd) ? -1 : real(fd, mode, from, length);
}

int posix_fallocate(int fd, off_t from, off_t length) {
    REAL(int, posix_fallocate, int, off_t, off_t);
    return refused(ALLOCATE, fd) ? errno : real(fd, from, length);
}

int posix_fallocate64(int fd, off64_t from, off64_t length) {
    REAL(int, posix_fallocate64, int, off64_t, off64_t);
    return refused(ALLOCATE, fd) ? errno : real(fd, from, length);
}
