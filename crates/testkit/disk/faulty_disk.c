/*
 * A disk that records and fails, for one process: preloaded before libc, it intercepts the calls of
 * a program on the files of one directory. `src/disk.rs` builds and controls it, and
 * `src/recording.rs` reads the recording.
 *
 * FAULTY_DISK_DIR        the directory, absolute and without a slash at its end
 * FAULTY_DISK_CONTROL    the file with the switches (struct control below)
 * FAULTY_DISK_RECORDING  the file to which every change is appended
 *
 * An event is recorded after the change and before the call returns, so what the program sends later
 * depends on a prefix of the recording. Changes are serialised. Syncs are not: their events have the
 * length of the recording at their begin, because they need not keep what is written meanwhile.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATED = 1, FOUND, WRITTEN, TRUNCATED, SYNCED, SYNC_FAILED, REMOVED, RENAMED };

struct event {
  uint32_t kind;
  uint32_t file;
  uint64_t at;     /* where it was written, the new size, or how long the recording was */
  uint64_t length; /* of what follows: the bytes written, or a name */
};

/* The test writes the first part only and the disk the second, so neither undoes the other. */
struct control {
  volatile uint64_t room_ends;    /* how much may be written in all */
  volatile uint64_t short_every;  /* every so many writes, one is carried out by half; 0: none */
  volatile uint64_t fail_log;     /* how many syncs of logs shall have failed in the end */
  volatile uint64_t fail_other;   /* the same of all other files */
  volatile uint64_t sync_delay_us;
  volatile uint64_t fail_reads;   /* 1: reads fail */

  volatile uint64_t written; /* bytes in all */
  volatile uint64_t refused; /* writes for which there was no room */
  volatile uint64_t shortened;
  volatile uint64_t failed_log;
  volatile uint64_t failed_other;
};

#define FILES_MAX 1024
#define FDS_MAX 65536

struct file {
  dev_t device;
  ino_t inode;
  int is_there;
  int is_log;
  int is_dirty; /* written to since its last sync: only then a real disk has something to lose */
};

/* Number 0 is no file of ours, number 1 the directory itself. */
static struct file files[FILES_MAX];
static uint32_t files_count = 2;
static uint32_t numbers[FDS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *dir;
static size_t dir_length;
static struct control *control;
static int recording = -1;
static uint64_t recorded;

#define REAL(name) static __typeof__(&name) real_##name
REAL(open64); REAL(close); REAL(write); REAL(pwrite64); REAL(ftruncate64);
REAL(fsync); REAL(fdatasync); REAL(unlink); REAL(rename); REAL(mkdir);
REAL(read); REAL(pread64);

static void give_up(const char *what) {
  fprintf(stderr, "faulty_disk: %s: %s\n", what, strerror(errno));
  abort();
}

__attribute__((constructor)) static void begin(void) {
#define FIND(name) real_##name = (__typeof__(real_##name))dlsym(RTLD_NEXT, #name)
  FIND(open64); FIND(close); FIND(write); FIND(pwrite64); FIND(ftruncate64);
  FIND(fsync); FIND(fdatasync); FIND(unlink); FIND(rename); FIND(mkdir);
  FIND(read); FIND(pread64);
  const char *switches = getenv("FAULTY_DISK_CONTROL"), *tape = getenv("FAULTY_DISK_RECORDING");
  const char *below = getenv("FAULTY_DISK_DIR");
  if (!below || !switches || !tape) give_up("its environment is not complete");
  int fd = real_open64(switches, O_RDWR | O_CLOEXEC);
  if (fd < 0) give_up(switches);
  control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (control == MAP_FAILED) give_up("mmap");
  real_close(fd);
  recording = real_open64(tape, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (recording < 0) give_up(tape);
  dir_length = strlen(below);
  dir = below;
}

/* The name of a file in the directory, "" for the directory itself, NULL for any other path. */
static const char *name_of(const char *path) {
  if (!dir || strncmp(path, dir, dir_length) != 0) return NULL;
  const char *rest = path + dir_length;
  if (*rest == 0) return rest;
  return *rest == '/' && !strchr(rest + 1, '/') ? rest + 1 : NULL;
}

static uint32_t number_of(int fd) { return fd >= 0 && fd < FDS_MAX ? numbers[fd] : 0; }

static void record(uint32_t kind, uint32_t file, uint64_t at, const void *data, size_t length) {
  struct event event = {kind, file, at, length};
  struct iovec parts[2] = {{&event, sizeof event}, {(void *)data, length}};
  ssize_t whole = sizeof event + length;
  if (writev(recording, parts, 2) != whole) give_up("recording");
  recorded += whole;
}

static void record_name(uint32_t kind, uint32_t file, const char *name) {
  record(kind, file, 0, name, strlen(name));
}

/* Gives a newly opened file of the directory its number. */
static void take(int fd, const char *name, int is_new) {
  struct stat stat;
  uint32_t number = 2;
  if (fd >= FDS_MAX || fstat(fd, &stat) != 0) give_up(name);
  while (number < files_count &&
         !(files[number].is_there && files[number].inode == stat.st_ino &&
           files[number].device == stat.st_dev))
    number++;
  if (number == files_count) {
    if (files_count++ == FILES_MAX) give_up("too many files");
    size_t length = strlen(name);
    int is_log = length > 4 && strcmp(name + length - 4, "-wal") == 0;
    files[number] = (struct file){stat.st_dev, stat.st_ino, 1, is_log, 0};
    record_name(is_new ? CREATED : FOUND, number, name);
  }
  numbers[fd] = number;
}

static int open_any(const char *path, int flags, mode_t mode) {
  const char *name = name_of(path);
  if (!name) return real_open64(path, flags, mode);
  pthread_mutex_lock(&lock);
  int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;
  int fd = real_open64(path, flags, mode);
  int error = errno;
  if (fd >= 0 && *name == 0) {
    numbers[fd] = 1;
  } else if (fd >= 0) {
    take(fd, name, is_new);
    if ((flags & O_TRUNC) && !is_new) record(TRUNCATED, numbers[fd], 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

#define OPEN(name)                                   \
  int name(const char *path, int flags, ...) {       \
    va_list rest;                                    \
    va_start(rest, flags);                           \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                    \
    return open_any(path, flags, mode);              \
  }
OPEN(open)
OPEN(open64)

int close(int fd) {
  if (number_of(fd)) numbers[fd] = 0;
  return real_close(fd);
}

/* How much of a write is carried out; 0: there is no room. */
static size_t allowed(size_t length) {
  static uint64_t writes;
  uint64_t room = control->room_ends > control->written ? control->room_ends - control->written : 0;
  if (room < length) {
    if (room == 0) control->refused++;
    return room;
  }
  uint64_t every = control->short_every;
  if (every && length > 1 && ++writes % every == 0) {
    control->shortened++;
    return length / 2;
  }
  return length;
}

static ssize_t write_any(int fd, const void *data, size_t length, off64_t at, int is_at) {
  pthread_mutex_lock(&lock);
  uint32_t number = number_of(fd);
  size_t part = length ? allowed(length) : 0;
  ssize_t done = -1;
  int error = ENOSPC;
  if (part || !length) {
    if (!is_at) at = lseek64(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    done = is_at ? real_pwrite64(fd, data, part, at) : real_write(fd, data, part);
    error = errno;
  }
  if (done > 0) {
    control->written += done;
    files[number].is_dirty = 1;
    record(WRITTEN, number, at, data, done);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

ssize_t write(int fd, const void *data, size_t length) {
  return number_of(fd) ? write_any(fd, data, length, 0, 0) : real_write(fd, data, length);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
  return number_of(fd) ? write_any(fd, data, length, at, 1) : real_pwrite64(fd, data, length, at);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
  return pwrite64(fd, data, length, at);
}

static int fails_to_read(int fd) {
  if (!number_of(fd) || !control->fail_reads) return 0;
  errno = EIO;
  return 1;
}

ssize_t read(int fd, void *data, size_t length) {
  return fails_to_read(fd) ? -1 : real_read(fd, data, length);
}

ssize_t pread64(int fd, void *data, size_t length, off64_t at) {
  return fails_to_read(fd) ? -1 : real_pread64(fd, data, length, at);
}

ssize_t pread(int fd, void *data, size_t length, off_t at) { return pread64(fd, data, length, at); }

int ftruncate64(int fd, off64_t length) {
  uint32_t number = number_of(fd);
  if (!number) return real_ftruncate64(fd, length);
  pthread_mutex_lock(&lock);
  struct stat stat;
  int done = -1, error = ENOSPC;
  if (fstat(fd, &stat) != 0) give_up("fstat");
  if (length <= stat.st_size || control->room_ends > control->written) {
    done = real_ftruncate64(fd, length);
    error = errno;
  } else {
    control->refused++;
  }
  if (done == 0) {
    files[number].is_dirty = 1;
    record(TRUNCATED, number, length, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

/* Whether a sync is to fail; counts it then. What it should have kept counts as given up. */
static int fails(uint32_t number) {
  if (number == 1 || !files[number].is_dirty) return 0;
  volatile uint64_t *target = files[number].is_log ? &control->fail_log : &control->fail_other;
  volatile uint64_t *count = files[number].is_log ? &control->failed_log : &control->failed_other;
  if (*count >= *target) return 0;
  ++*count;
  return 1;
}

static int sync_any(int fd, int (*real)(int)) {
  uint32_t number = number_of(fd);
  if (!number) return real(fd);
  pthread_mutex_lock(&lock);
  uint64_t began = recorded;
  int is_failing = fails(number);
  files[number].is_dirty = 0;
  pthread_mutex_unlock(&lock);
  if (control->sync_delay_us) usleep(control->sync_delay_us);
  int done = is_failing ? -1 : real(fd);
  int error = is_failing ? EIO : errno;
  pthread_mutex_lock(&lock);
  record(done == 0 ? SYNCED : SYNC_FAILED, number, began, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

int fsync(int fd) { return sync_any(fd, real_fsync); }

int fdatasync(int fd) { return sync_any(fd, real_fdatasync); }

/* Frees the number of a file that is about to lose its name. */
static void forget(const char *path) {
  struct stat there;
  if (lstat(path, &there) != 0) return;
  for (uint32_t number = 2; number < files_count; number++)
    if (files[number].inode == there.st_ino && files[number].device == there.st_dev)
      files[number].is_there = 0;
}

int unlink(const char *path) {
  const char *name = name_of(path);
  if (!name) return real_unlink(path);
  pthread_mutex_lock(&lock);
  forget(path);
  int done = real_unlink(path), error = errno;
  if (done == 0) record_name(REMOVED, 0, name);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

/* A directory in the directory is a name like any other; what is in it is not recorded. */
int mkdir(const char *path, mode_t mode) {
  const char *name = name_of(path);
  if (!name || *name == 0) return real_mkdir(path, mode);
  pthread_mutex_lock(&lock);
  int done = real_mkdir(path, mode), error = errno;
  if (done == 0 && files_count == FILES_MAX) give_up("too many files");
  if (done == 0) record_name(CREATED, files_count++, name);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

int rename(const char *from, const char *to) {
  const char *old = name_of(from), *new = name_of(to);
  if (!old && !new) return real_rename(from, to);
  if (!old || !new) give_up("a file is moved into or out of the directory");
  pthread_mutex_lock(&lock);
  forget(to);
  char both[1024];
  int length = snprintf(both, sizeof both, "%s/%s", old, new);
  int done = real_rename(from, to), error = errno;
  if (done == 0) record(RENAMED, 0, 0, both, length);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}
