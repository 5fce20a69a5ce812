#define _GNU_SOURCE
#include "format.h"
#include "treefile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel looks for signals between two of these; so do we for a stop. */
#define PIECE (64 << 20)

/* A directory that waits to be written. */
struct waiting {
    struct waiting *next;
    uint32_t mode;
    char path[]; /* "" for the top, else with a slash at its end */
};

struct bytes {
    char *start;
    size_t length, room;
};

struct writing {
    const struct treefile_request *request;
    struct treefile_result *result;
    struct waiting *stack;
    struct bytes table;
    uint64_t cursor; /* where the file ends */
    uint64_t blocks;
    /* The block at hand, and its directory. */
    char *block;
    uint32_t length, entries, mode;
    const char *path;
    int directory;
};

static void fail(struct writing *writing, int error, const char *path, const char *name)
{
    struct treefile_result *result = writing->result;
    size_t length = strlen(path);

    if (result->error != 0)
        return;
    result->error = error;
    if (length >= PATH_MAX)
        length = PATH_MAX - 1;
    memcpy(result->path, path, length);
    strncpy(result->path + length, name, PATH_MAX - 1 - length);
    result->path[PATH_MAX - 1] = 0;
}

static int wanted(struct writing *writing)
{
    if (*writing->request->stop)
        fail(writing, ECANCELED, "", "");
    return writing->result->error == 0;
}

static int add(struct bytes *to, const void *from, size_t length)
{
    if (to->length + length > to->room) {
        size_t room = 2 * (to->length + length) + 4096;
        char *grown = realloc(to->start, room);

        if (grown == NULL) {
            errno = ENOMEM;
            return -1;
        }
        to->start = grown;
        to->room = room;
    }
    memcpy(to->start + to->length, from, length);
    to->length += length;
    return 0;
}

static int append(struct writing *writing, const char *from, size_t length)
{
    while (length > 0) {
        ssize_t written = pwrite(writing->request->file, from, length, (off_t)writing->cursor);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        from += written;
        length -= (size_t)written;
        writing->cursor += (uint64_t)written;
    }
    return 0;
}

/* Ends the block at hand; a directory has one at least, or nobody would know of it. */
static int end_block(struct writing *writing)
{
    struct block block = {.offset = writing->cursor,
                          .length = writing->length,
                          .entries = writing->entries,
                          .mode = writing->mode,
                          .path = (uint32_t)strlen(writing->path)};

    if (writing->entries == 0 && writing->mode == 0)
        return 0;
    if (append(writing, writing->block, writing->length) != 0)
        return -1;
    if (add(&writing->table, &block, sizeof block) != 0 || add(&writing->table, writing->path, block.path) != 0)
        return -1;
    writing->blocks++;
    writing->length = writing->entries = writing->mode = 0;
    return 0;
}

static void put(struct writing *writing, const void *from, size_t length)
{
    memcpy(writing->block + writing->length, from, length);
    writing->length += (uint32_t)length;
}

static void put_entry(struct writing *writing, const char *name, const struct stat *found, uint64_t size, uint64_t at)
{
    struct entry entry = {.size = size,
                          .at = at,
                          .seconds = found->st_mtim.tv_sec,
                          .nanoseconds = (uint32_t)found->st_mtim.tv_nsec,
                          .mode = found->st_mode,
                          .name = (uint32_t)strlen(name)};

    put(writing, &entry, sizeof entry);
    put(writing, name, entry.name);
    writing->entries++;
}

/* Exactly as many bytes as the file was said to have: it is not to change. */
static int put_content(struct writing *writing, int source, size_t length)
{
    while (length > 0) {
        ssize_t got = read(source, writing->block + writing->length, length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = ESTALE;
        if (got <= 0)
            return -1;
        writing->length += (uint32_t)got;
        length -= (size_t)got;
    }
    return 0;
}

/* A large file: shared with the original where the file system can, else copied inside the kernel, else by us. */
static int append_large(struct writing *writing, int source, uint64_t size)
{
    uint64_t end = writing->cursor + size;
    off_t to = (off_t)writing->cursor;
    ssize_t got = 1;

    while ((uint64_t)to < end && got > 0 && wanted(writing))
        got = copy_file_range(source, NULL, writing->request->file, &to, end - to < PIECE ? end - to : PIECE, 0);
    writing->cursor = (uint64_t)to;
    while (writing->cursor < end && wanted(writing)) {
        size_t length = end - writing->cursor < FULL ? end - writing->cursor : FULL;
        struct bytes piece = {malloc(length), 0, length};
        int done = -1;

        if (piece.start != NULL && (got = read(source, piece.start, length)) > 0)
            done = append(writing, piece.start, (size_t)got);
        else if (piece.start != NULL && got == 0)
            errno = ESTALE;
        free(piece.start);
        if (done != 0)
            return -1;
    }
    return 0;
}

static int take_open_file(struct writing *writing, const char *name, int source)
{
    struct stat found;
    uint64_t at;

    if (fstat(source, &found) != 0)
        return -1;
    if (!S_ISREG(found.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    writing->result->files++;
    writing->result->bytes += (uint64_t)found.st_size;
    if (found.st_size <= TREEFILE_LARGE) {
        put_entry(writing, name, &found, (uint64_t)found.st_size, 0);
        return put_content(writing, source, (size_t)found.st_size);
    }
    at = writing->cursor = (writing->cursor + TREEFILE_ALIGNED - 1) / TREEFILE_ALIGNED * TREEFILE_ALIGNED;
    put_entry(writing, name, &found, (uint64_t)found.st_size, at);
    return append_large(writing, source, (uint64_t)found.st_size);
}

static int take_file(struct writing *writing, const char *name)
{
    int source = openat(writing->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), done, error;

    if (source < 0)
        return -1;
    done = take_open_file(writing, name, source);
    error = errno;
    close(source);
    errno = error;
    return done;
}

static int take_link(struct writing *writing, const char *name, const struct stat *found)
{
    char text[PATH_MAX];
    ssize_t length = readlinkat(writing->directory, name, text, sizeof text);

    if (length < 0 || length == (ssize_t)sizeof text) {
        errno = length < 0 ? errno : ENAMETOOLONG;
        return -1;
    }
    put_entry(writing, name, found, (uint64_t)length, 0);
    put(writing, text, (size_t)length);
    return 0;
}

static int wait_for(struct writing *writing, const char *name, uint32_t mode)
{
    size_t above = strlen(writing->path), own = strlen(name);
    struct waiting *below = malloc(sizeof *below + above + own + 2);

    if (below == NULL) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(below->path, writing->path, above);
    memcpy(below->path + above, name, own);
    memcpy(below->path + above + own, own ? "/" : "", own ? 2 : 1);
    below->mode = mode;
    below->next = writing->stack;
    writing->stack = below;
    return 0;
}

static int take(struct writing *writing, const struct dirent *entry)
{
    struct stat found;

    if (writing->length > FULL && end_block(writing) != 0)
        return -1;
    if (entry->d_type == DT_REG) /* opened and looked at in one */
        return take_file(writing, entry->d_name);
    if (fstatat(writing->directory, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return -1;
    if (S_ISDIR(found.st_mode))
        return wait_for(writing, entry->d_name, found.st_mode);
    if (S_ISLNK(found.st_mode))
        return take_link(writing, entry->d_name, &found);
    if (S_ISREG(found.st_mode))
        return take_file(writing, entry->d_name);
    errno = EINVAL;
    return -1;
}

static void take_entries(struct writing *writing, DIR *entries)
{
    struct dirent *entry;

    while (errno = 0, (entry = readdir(entries)) != NULL && wanted(writing)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (*writing->path == 0 && strcmp(entry->d_name, writing->request->skipped) == 0)
            continue;
        if (take(writing, entry) != 0)
            fail(writing, errno, writing->path, entry->d_name);
    }
    if (entry == NULL && errno != 0)
        fail(writing, errno, writing->path, "");
}

static void take_directory(struct writing *writing, const struct waiting *waiting)
{
    const char *named = *waiting->path ? waiting->path : ".";
    DIR *entries = NULL;

    writing->path = waiting->path;
    writing->mode = waiting->mode;
    writing->directory = openat(writing->request->tree, named, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (writing->directory >= 0)
        entries = fdopendir(writing->directory);
    if (entries == NULL) {
        fail(writing, errno, writing->path, "");
        if (writing->directory >= 0)
            close(writing->directory);
        return;
    }
    take_entries(writing, entries);
    if (wanted(writing) && end_block(writing) != 0)
        fail(writing, errno, writing->path, "");
    closedir(entries);
}

static int end_file(struct writing *writing)
{
    struct tail tail = {.magic = MAGIC,
                        .table = writing->cursor,
                        .length = writing->table.length,
                        .files = writing->result->files,
                        .bytes = writing->result->bytes,
                        .blocks = writing->blocks};

    if (append(writing, writing->table.start, writing->table.length) != 0)
        return -1;
    return append(writing, (const char *)&tail, sizeof tail);
}

void treefile_write(const struct treefile_request *request, struct treefile_result *result)
{
    struct writing writing = {.request = request, .result = result, .path = ""};
    struct waiting *waiting;

    memset(result, 0, sizeof *result);
    writing.block = malloc(MOST);
    if (writing.block == NULL || wait_for(&writing, "", 0700) != 0)
        fail(&writing, ENOMEM, "", "");
    while ((waiting = writing.stack) != NULL) {
        writing.stack = waiting->next;
        if (wanted(&writing))
            take_directory(&writing, waiting);
        free(waiting);
    }
    if (wanted(&writing) && end_file(&writing) != 0)
        fail(&writing, errno, "", "");
    free(writing.block);
    free(writing.table.start);
}
