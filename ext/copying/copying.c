#define _GNU_SOURCE
#include "copying.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Up to this size two system calls and a buffer in the cache beat copying inside the kernel. */
#define SMALL (128 << 10)
#define MOST_THREADS 32
/* The kernel looks for signals between two of these; so do we for a stop. */
#define PIECE (64 << 20)

/* A directory that waits to be copied; its copy exists already. */
struct waiting {
    struct waiting *next;
    char path[]; /* "" for the top, else with a slash at its end */
};

struct work {
    const struct copying_request *request;
    struct copying_result *result;
    pthread_mutex_t lock; /* of what follows and of the result */
    pthread_cond_t changed;
    struct waiting *stack;
    int busy;                /* threads that may still find directories */
    volatile int failed;     /* read without the lock: it only ever becomes true */
    volatile int no_reflink; /* the file system refused one */
};

/* What one thread counts, added to the result at its end. */
struct share {
    struct work *work;
    uint64_t files, bytes, fingerprint;
    char *buffer; /* SMALL bytes */
};

/* One directory and its copy, open. */
struct place {
    int source, made;
    const char *path;
};

static void fail(struct work *work, int error, const char *path, const char *name)
{
    pthread_mutex_lock(&work->lock);
    if (work->result->error == 0) {
        size_t length = strlen(path);

        work->result->error = error;
        if (length >= PATH_MAX)
            length = PATH_MAX - 1;
        memcpy(work->result->path, path, length);
        strncpy(work->result->path + length, name, PATH_MAX - 1 - length);
        work->result->path[PATH_MAX - 1] = 0;
    }
    work->failed = 1;
    pthread_cond_broadcast(&work->changed);
    pthread_mutex_unlock(&work->lock);
}

/* Tells whether to go on. */
static int wanted(struct work *work)
{
    if (work->failed)
        return 0;
    if (!*work->request->stop)
        return 1;
    fail(work, ECANCELED, "", "");
    return 0;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash ^= value;
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return mix(hash, 1);
}

/* What changes when the entry does; see the header. */
static uint64_t trace(const struct place *place, const char *name, const struct stat *found, const char *text)
{
    uint64_t hash = mix_text(mix_text(0xcbf29ce484222325u, place->path), name);

    hash = mix(hash, found->st_mode);
    if (S_ISREG(found->st_mode)) {
        hash = mix(hash, (uint64_t)found->st_size);
        hash = mix(hash, found->st_ino);
        hash = mix(hash, (uint64_t)found->st_mtim.tv_sec * 1000000000u + (uint64_t)found->st_mtim.tv_nsec);
        hash = mix(hash, (uint64_t)found->st_ctim.tv_sec * 1000000000u + (uint64_t)found->st_ctim.tv_nsec);
    }
    return text ? mix_text(hash, text) : hash;
}

static int write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

static int copy_through(struct share *share, int source, int made)
{
    for (;;) {
        ssize_t got = read(source, share->buffer, SMALL);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        if (write_all(made, share->buffer, (size_t)got) != 0)
            return -1;
        if (!wanted(share->work))
            return 0;
    }
}

/* A reflink, else inside the kernel, else through our buffer. */
static int copy_large(struct share *share, int source, int made)
{
    ssize_t got = 1;

    if (!share->work->no_reflink) {
        if (ioctl(made, FICLONE, source) == 0)
            return 0;
        share->work->no_reflink = 1;
    }
    while (got > 0 && wanted(share->work))
        got = copy_file_range(source, NULL, made, NULL, PIECE, 0);
    if (got < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP && errno != EPERM)
        return -1;
    return copy_through(share, source, made); /* whatever is left: all of it after a refusal, nothing else */
}

static int copy_content(struct share *share, int source, int made, const struct stat *found)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, found->st_mtim};
    int done = found->st_size <= SMALL ? copy_through(share, source, made) : copy_large(share, source, made);

    if (done != 0 || fchmod(made, found->st_mode & 01777) != 0)
        return -1;
    return futimens(made, times);
}

static int make_file(struct share *share, const struct place *place, const char *name, int source,
                     const struct stat *found)
{
    int made, done, error;

    made = openat(place->made, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (made < 0)
        return -1;
    done = copy_content(share, source, made, found);
    error = errno;
    if (close(made) != 0 && done == 0)
        return -1;
    errno = error;
    return done;
}

static int take_file(struct share *share, const struct place *place, const char *name)
{
    struct stat found;
    int source, done = 0, error;

    source = openat(place->source, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (source < 0)
        return -1;
    if (fstat(source, &found) != 0 || !S_ISREG(found.st_mode)) {
        close(source);
        errno = EINVAL;
        return -1;
    }
    done = make_file(share, place, name, source, &found);
    error = errno;
    close(source);
    errno = error;
    share->files++;
    share->bytes += (uint64_t)found.st_size;
    share->fingerprint += trace(place, name, &found, NULL);
    return done;
}

static int take_link(struct share *share, const struct place *place, const char *name, const struct stat *found)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, found->st_mtim};
    char text[PATH_MAX];
    ssize_t length = readlinkat(place->source, name, text, sizeof text - 1);

    if (length < 0)
        return -1;
    text[length] = 0;
    share->fingerprint += trace(place, name, found, text);
    if (place->made < 0)
        return 0;
    if (symlinkat(text, place->made, name) != 0)
        return -1;
    return utimensat(place->made, name, times, AT_SYMLINK_NOFOLLOW);
}

static int take_directory(struct share *share, const struct place *place, const char *name, const struct stat *found)
{
    struct work *work = share->work;
    size_t above = strlen(place->path), own = strlen(name);
    struct waiting *below;

    share->fingerprint += trace(place, name, found, NULL);
    if (place->made >= 0 && mkdirat(place->made, name, 0700) != 0)
        return -1;
    if (place->made >= 0 && fchmodat(place->made, name, (found->st_mode & 01777) | 0700, 0) != 0)
        return -1;
    below = malloc(sizeof *below + above + own + 2);
    if (below == NULL) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(below->path, place->path, above);
    memcpy(below->path + above, name, own);
    memcpy(below->path + above + own, "/", 2);
    pthread_mutex_lock(&work->lock);
    below->next = work->stack;
    work->stack = below;
    pthread_cond_signal(&work->changed);
    pthread_mutex_unlock(&work->lock);
    return 0;
}

static int take(struct share *share, const struct place *place, const struct dirent *entry)
{
    const char *name = entry->d_name;
    struct stat found;

    if (entry->d_type == DT_REG && place->made >= 0) /* opened and looked at in one */
        return take_file(share, place, name);
    if (fstatat(place->source, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return -1;
    if (S_ISDIR(found.st_mode))
        return take_directory(share, place, name, &found);
    if (S_ISLNK(found.st_mode))
        return take_link(share, place, name, &found);
    if (!S_ISREG(found.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    if (place->made >= 0)
        return take_file(share, place, name);
    share->files++;
    share->bytes += (uint64_t)found.st_size;
    share->fingerprint += trace(place, name, &found, NULL);
    return 0;
}

static void take_entries(struct share *share, const struct place *place, DIR *entries)
{
    struct dirent *entry;

    while (errno = 0, (entry = readdir(entries)) != NULL && wanted(share->work)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (take(share, place, entry) != 0)
            fail(share->work, errno, place->path, entry->d_name);
    }
    if (entry == NULL && errno != 0)
        fail(share->work, errno, place->path, "");
}

/* Everything in one directory; directories below it are put on the stack. */
static void fill(struct share *share, const char *path)
{
    const struct copying_request *request = share->work->request;
    const char *named = *path ? path : ".";
    struct place place = {-1, -1, path};
    DIR *entries = NULL;

    place.source = openat(request->source, named, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (place.source >= 0 && request->made >= 0)
        place.made = openat(request->made, named, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (place.source >= 0 && (request->made < 0 || place.made >= 0))
        entries = fdopendir(place.source);
    if (entries == NULL) {
        fail(share->work, errno, path, "");
        if (place.source >= 0)
            close(place.source);
    } else {
        take_entries(share, &place, entries);
        closedir(entries);
    }
    if (place.made >= 0)
        close(place.made);
}

/* The next directory; NULL when there is none left and nobody can find another. */
static struct waiting *next(struct work *work)
{
    struct waiting *found;

    pthread_mutex_lock(&work->lock);
    work->busy--;
    while (work->stack == NULL && work->busy > 0 && !work->failed)
        pthread_cond_wait(&work->changed, &work->lock);
    found = work->failed ? NULL : work->stack;
    if (found != NULL) {
        work->stack = found->next;
        work->busy++;
    } else {
        pthread_cond_broadcast(&work->changed);
    }
    pthread_mutex_unlock(&work->lock);
    return found;
}

static void *run(void *argument)
{
    struct share share = {.work = argument};
    struct work *work = argument;
    struct waiting *directory;

    share.buffer = malloc(SMALL);
    if (share.buffer == NULL)
        fail(work, ENOMEM, "", "");
    while ((directory = next(work)) != NULL) {
        fill(&share, directory->path);
        free(directory);
    }
    free(share.buffer);
    pthread_mutex_lock(&work->lock);
    work->result->files += share.files;
    work->result->bytes += share.bytes;
    work->result->fingerprint += share.fingerprint;
    pthread_mutex_unlock(&work->lock);
    return NULL;
}

void copying(const struct copying_request *request, struct copying_result *result)
{
    struct work work = {.request = request, .result = result};
    pthread_t threads[MOST_THREADS];
    int started = 0, wished = request->threads < MOST_THREADS ? request->threads : MOST_THREADS;

    memset(result, 0, sizeof *result);
    work.stack = calloc(1, sizeof *work.stack + 1);
    if (work.stack == NULL) {
        result->error = ENOMEM;
        return;
    }
    pthread_mutex_init(&work.lock, NULL);
    pthread_cond_init(&work.changed, NULL);
    work.busy = 1;
    for (; started < wished - 1; started++) {
        pthread_mutex_lock(&work.lock);
        work.busy++;
        pthread_mutex_unlock(&work.lock);
        if (pthread_create(&threads[started], NULL, run, &work) != 0) {
            pthread_mutex_lock(&work.lock);
            work.busy--;
            pthread_mutex_unlock(&work.lock);
            break; /* fewer threads do it too */
        }
    }
    run(&work);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    while (work.stack != NULL) {
        struct waiting *left = work.stack;

        work.stack = left->next;
        free(left);
    }
    pthread_cond_destroy(&work.changed);
    pthread_mutex_destroy(&work.lock);
}
