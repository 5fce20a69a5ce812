#define _GNU_SOURCE
#include "format.h"
#include "treefile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_THREADS 32
#define PIECE (64 << 20)

struct reading {
    const struct treefile_request *request;
    struct treefile_result *result;
    uint64_t size;      /* of the file */
    char *table;        /* its blocks, in `records`, with their paths behind them */
    const char **records;
    uint64_t blocks;
    atomic_uint_fast64_t next; /* block to be done */
    atomic_int failed;
    pthread_mutex_t lock; /* of the result */
};

/* What one thread has at hand. */
struct share {
    struct reading *reading;
    char *buffer;    /* MOST bytes: one block */
    char path[PATH_MAX]; /* of the directory */
    char name[NAME_MAX + 1];
    int directory;
};

static void fail(struct reading *reading, int error, const char *path, const char *name)
{
    pthread_mutex_lock(&reading->lock);
    if (reading->result->error == 0) {
        reading->result->error = error;
        snprintf(reading->result->path, PATH_MAX, "%s", path);
        strncat(reading->result->path, name, PATH_MAX - 1 - strlen(reading->result->path));
    }
    atomic_store(&reading->failed, 1);
    pthread_mutex_unlock(&reading->lock);
}

static int wanted(struct reading *reading)
{
    if (*reading->request->stop)
        fail(reading, ECANCELED, "", "");
    return !atomic_load_explicit(&reading->failed, memory_order_relaxed);
}

/* Exactly that piece of the file, which has been found to have it. */
static int read_piece(struct reading *reading, void *to, uint64_t length, uint64_t offset)
{
    char *at = to;

    while (length > 0) {
        ssize_t got = pread(reading->request->file, at, length, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EINVAL;
        if (got <= 0)
            return -1;
        at += got;
        length -= (uint64_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

static int inside(const struct reading *reading, uint64_t offset, uint64_t length)
{
    return offset <= reading->size && length <= reading->size - offset;
}

static int write_all(int made, const char *from, uint64_t length)
{
    while (length > 0) {
        ssize_t written = write(made, from, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        from += written;
        length -= (uint64_t)written;
    }
    return 0;
}

/* Shared with the file where the file system can, else copied inside the kernel, else by us. */
static int fill_large(struct share *share, int made, const struct entry *entry)
{
    struct reading *reading = share->reading;
    uint64_t end = entry->at + entry->size;
    off_t from = (off_t)entry->at;
    ssize_t got = 1;
    char *piece;
    int done = 0;

    if (!inside(reading, entry->at, entry->size)) {
        errno = EINVAL;
        return -1;
    }
    while ((uint64_t)from < end && got > 0 && wanted(reading))
        got = copy_file_range(reading->request->file, &from, made, NULL, end - from < PIECE ? end - from : PIECE, 0);
    if ((uint64_t)from == end || !wanted(reading))
        return 0;
    piece = malloc(FULL);
    while (piece != NULL && done == 0 && (uint64_t)from < end && wanted(reading)) {
        uint64_t length = end - from < FULL ? end - from : FULL;

        done = read_piece(reading, piece, length, (uint64_t)from) == 0 ? write_all(made, piece, length) : -1;
        from += (off_t)length;
    }
    done = piece == NULL ? -1 : done;
    free(piece);
    return done;
}

static int fill_file(struct share *share, int made, const struct entry *entry, const char *content)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = entry->seconds, .tv_nsec = entry->nanoseconds}};
    int done = content ? write_all(made, content, entry->size) : fill_large(share, made, entry);

    if (done != 0)
        return -1;
    if (fchmod(made, entry->mode & 01777) != 0) /* whatever the umask or a default ACL has made of it */
        return -1;
    return futimens(made, times);
}

static int make_file(struct share *share, const struct entry *entry, const char *content)
{
    static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int made = openat(share->directory, share->name, flags, entry->mode & 0777), done, error;

    if (made < 0)
        return -1;
    done = fill_file(share, made, entry, content);
    error = errno;
    if (close(made) != 0 && done == 0)
        return -1;
    errno = error;
    return done;
}

static int make_link(struct share *share, const struct entry *entry, const char *content)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = entry->seconds, .tv_nsec = entry->nanoseconds}};
    char text[PATH_MAX];

    if (entry->size >= sizeof text) {
        errno = EINVAL;
        return -1;
    }
    memcpy(text, content, entry->size);
    text[entry->size] = 0;
    if (symlinkat(text, share->directory, share->name) != 0)
        return -1;
    return utimensat(share->directory, share->name, times, AT_SYMLINK_NOFOLLOW);
}

/* A name of an entry of one directory, and of no other. */
static int is_name(const char *name, size_t length)
{
    if (length == 0 || length > NAME_MAX || memchr(name, '/', length) || memchr(name, 0, length))
        return 0;
    return !(name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

/* The entry at `*at` of a block that ends at `end`; moves on to the next. */
static int take(struct share *share, const char **at, const char *end)
{
    struct entry entry;
    const char *content;
    int large;

    errno = EINVAL;
    share->name[0] = 0;
    if ((size_t)(end - *at) < sizeof entry)
        return -1;
    memcpy(&entry, *at, sizeof entry);
    *at += sizeof entry;
    if (entry.name > (size_t)(end - *at) || !is_name(*at, entry.name) || entry.nanoseconds >= 1000000000u)
        return -1;
    memcpy(share->name, *at, entry.name);
    share->name[entry.name] = 0;
    content = *at += entry.name;
    large = S_ISREG(entry.mode) && entry.size > TREEFILE_LARGE;
    if (!large && entry.size > (size_t)(end - *at))
        return -1;
    *at += large ? 0 : entry.size;
    if (S_ISLNK(entry.mode))
        return make_link(share, &entry, content);
    if (!S_ISREG(entry.mode))
        return -1;
    return make_file(share, &entry, large ? NULL : content);
}

/* The block's path, with a slash at its end, as text; checked when the table was read. */
static struct block name_block(struct share *share, const char *record)
{
    struct block block;

    memcpy(&block, record, sizeof block);
    memcpy(share->path, record + sizeof block, block.path);
    share->path[block.path] = 0;
    return block;
}

/* The directory at `path` below `tree`, one name after the other: an entry of a block may be a link, and none is
 * followed, wherever in the path it stands. */
static int open_below(int tree, const char *path)
{
    static const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int at = openat(tree, ".", flags);

    while (at >= 0 && *path) {
        const char *slash = strchr(path, '/');
        char name[NAME_MAX + 1] = "";
        int below, error;

        memcpy(name, path, (size_t)(slash - path)); /* `is_path` has seen that it fits, and that there is a slash */
        below = openat(at, name, flags);
        error = errno;
        close(at);
        errno = error;
        at = below;
        path = slash + 1;
    }
    return at;
}

static void fill_block(struct share *share, const char *record)
{
    struct reading *reading = share->reading;
    struct block block = name_block(share, record);
    const char *at = share->buffer, *end = share->buffer + block.length;

    if (block.entries == 0)
        return;
    share->directory = open_below(reading->request->tree, share->path);
    if (share->directory < 0 || read_piece(reading, share->buffer, block.length, block.offset) != 0)
        fail(reading, errno, share->path, "");
    for (; block.entries > 0 && wanted(reading); block.entries--)
        if (take(share, &at, end) != 0)
            fail(reading, errno, share->path, share->name);
    if (share->directory >= 0)
        close(share->directory);
}

static void *run(void *argument)
{
    struct reading *reading = argument;
    struct share share = {.reading = reading, .buffer = malloc(MOST)};
    uint64_t number;

    if (share.buffer == NULL)
        fail(reading, ENOMEM, "", "");
    while (wanted(reading) && (number = atomic_fetch_add(&reading->next, 1)) < reading->blocks)
        fill_block(&share, reading->records[number]);
    free(share.buffer);
    return NULL;
}

/* All components are names. */
static int is_path(const char *path, size_t length)
{
    while (length > 0) {
        const char *slash = memchr(path, '/', length);

        if (slash == NULL || !is_name(path, (size_t)(slash - path)))
            return 0;
        length -= (size_t)(slash + 1 - path);
        path = slash + 1;
    }
    return 1;
}

static int read_table(struct reading *reading)
{
    struct tail tail;
    struct stat found;
    const char *at, *end;

    if (fstat(reading->request->file, &found) != 0)
        return -1;
    reading->size = (uint64_t)found.st_size;
    errno = EINVAL;
    if (reading->size < sizeof tail || read_piece(reading, &tail, sizeof tail, reading->size - sizeof tail) != 0)
        return -1;
    if (memcmp(tail.magic, MAGIC, sizeof tail.magic) != 0 || !inside(reading, tail.table, tail.length))
        return -1;
    if (tail.blocks > tail.length / sizeof(struct block))
        return -1;
    reading->table = malloc(tail.length + 1);
    reading->records = calloc(tail.blocks + 1, sizeof *reading->records);
    if (reading->table == NULL || reading->records == NULL) {
        errno = ENOMEM;
        return -1;
    }
    if (read_piece(reading, reading->table, tail.length, tail.table) != 0)
        return -1;
    for (at = reading->table, end = at + tail.length; reading->blocks < tail.blocks; reading->blocks++) {
        struct block block;

        errno = EINVAL;
        if ((size_t)(end - at) < sizeof block)
            return -1;
        memcpy(&block, at, sizeof block);
        if (block.path > (size_t)(end - at) - sizeof block || block.path >= PATH_MAX || block.length > MOST)
            return -1;
        if (!is_path(at + sizeof block, block.path) || !inside(reading, block.offset, block.length))
            return -1;
        reading->records[reading->blocks] = at;
        at += sizeof block + block.path;
    }
    reading->result->files = tail.files;
    reading->result->bytes = tail.bytes;
    return 0;
}

/* All directories, before anybody fills them: a block of what is below may be done first. */
static void make_directories(struct reading *reading)
{
    struct share share = {.reading = reading};
    int tree = reading->request->tree;

    for (uint64_t number = 0; number < reading->blocks && wanted(reading); number++) {
        struct block block = name_block(&share, reading->records[number]);
        mode_t mode = (block.mode & 01777) | 0700;

        if (block.mode == 0 || block.path == 0)
            continue;
        if (mkdirat(tree, share.path, mode) != 0)
            fail(reading, errno, share.path, "");
        else if (fchmodat(tree, share.path, mode, 0) != 0)
            fail(reading, errno, share.path, "");
    }
}

void treefile_read(const struct treefile_request *request, struct treefile_result *result)
{
    struct reading reading = {.request = request, .result = result};
    int started = 0, wished = request->threads < MOST_THREADS ? request->threads : MOST_THREADS;
    pthread_t threads[MOST_THREADS];

    memset(result, 0, sizeof *result);
    pthread_mutex_init(&reading.lock, NULL);
    if (read_table(&reading) != 0)
        fail(&reading, errno, "", "");
    make_directories(&reading);
    while (started < wished - 1 && pthread_create(&threads[started], NULL, run, &reading) == 0)
        started++; /* fewer threads do it too */
    run(&reading);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    pthread_mutex_destroy(&reading.lock);
    free(reading.records);
    free(reading.table);
}
