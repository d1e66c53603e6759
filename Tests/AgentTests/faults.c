// SPDX-License-Identifier: Apache-2.0
// Loaded before libc (LD_PRELOAD): lets writes to files below FAULT_DIRECTORY fail, come short, or be the
// program's last deed. KillTests uses it; the agent itself is the one that is shipped.
//
//   FAULT_SEED      what the random choices are made from
//   FAULT_RATE      how many calls of a thousand fail, with ENOSPC, EROFS or EIO, or write only a part
//   FAULT_MODE      "full": nothing can grow or be made; "read-only": nothing can be written
//   FAULT_SLOW      how many milliseconds each sync takes
//   FAULT_SYNCS     after how many syncs one fails with EIO
//   FAULT_CLOCK     a file with seconds that are added to the calendar's clock, which counts as synchronised
//   FAULT_KILL_AT   at which call the process dies of SIGKILL, halfway through a write
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static uint64_t state;
static long rate, kill_at, calls;
static int is_full, is_read_only, is_ready;

static void prepare(void) {
  const char *text;
  if (is_ready) return;
  is_ready = 1;
  state = (text = getenv("FAULT_SEED")) ? strtoull(text, NULL, 10) * 2654435761u + 88172645463325252u : 88172645463325252u;
  rate = (text = getenv("FAULT_RATE")) ? atol(text) : 0;
  kill_at = (text = getenv("FAULT_KILL_AT")) ? atol(text) : 0;
  text = getenv("FAULT_MODE");
  is_full = text && strcmp(text, "full") == 0;
  is_read_only = text && strcmp(text, "read-only") == 0;
}

static uint64_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static int concerns(int descriptor) {
  char link[64], path[PATH_MAX];
  const char *directory = getenv("FAULT_DIRECTORY");
  ssize_t count;
  if (!directory) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  count = readlink(link, path, sizeof path - 1);
  if (count <= 0) return 0;
  path[count] = 0;
  return strncmp(path, directory, strlen(directory)) == 0;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// 0, or the errno that the call is to fail with.
static int fault(int grows) {
  static const int codes[] = {ENOSPC, EROFS, EIO};
  prepare();
  calls++;
  if (is_read_only) return EROFS;
  if (is_full && grows) return ENOSPC;
  if (rate > 0 && (long)(next_random() % 1000) < rate) return codes[next_random() % 3];
  return 0;
}

// A sync takes its time; whether it is the one that fails.
static int is_bad_sync(void) {
  static long syncs;
  const char *text = getenv("FAULT_SLOW");
  struct timespec time = {0, text ? atol(text) * 1000000 : 0};
  if (text) nanosleep(&time, NULL);
  text = getenv("FAULT_SYNCS");
  return text && syncs++ == atol(text);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t write_at(int descriptor, const void *bytes, size_t count, off_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  struct stat status;
  int code;
  if (!real) real = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
  if (!concerns(descriptor)) return real(descriptor, bytes, count, offset);
  code = fault(fstat(descriptor, &status) != 0 || offset + (off_t)count > status.st_size);
  if (kill_at > 0 && calls == kill_at) {
    real(descriptor, bytes, next_random() % (count + 1), offset);
    die();
  }
  if (code == 0) return real(descriptor, bytes, count, offset);
  if (code == EIO && count > 1) return real(descriptor, bytes, 1 + next_random() % (count - 1), offset);
  errno = code;
  return -1;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  return write_at(descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
  return write_at(descriptor, bytes, count, offset);
}

// Calls without bytes: the process dies before or after them.
#define PLAIN(name, parameters, arguments, descriptor, is_sync)                  \
  int name parameters {                                                          \
    static int(*real) parameters;                                                \
    int code, result;                                                            \
    if (!real) real = (int(*) parameters)dlsym(RTLD_NEXT, #name);                \
    if (!concerns(descriptor)) return real arguments;                            \
    code = fault(0);                                                             \
    if (is_sync && is_bad_sync()) code = EIO;                                    \
    if (kill_at > 0 && calls == kill_at) {                                       \
      if (next_random() % 2) real arguments;                                     \
      die();                                                                     \
    }                                                                            \
    if (code != 0) {                                                             \
      errno = code;                                                              \
      return -1;                                                                 \
    }                                                                            \
    result = real arguments;                                                     \
    return result;                                                               \
  }

PLAIN(fsync, (int file), (file), file, 1)
PLAIN(fdatasync, (int file), (file), file, 1)
PLAIN(ftruncate, (int file, off_t count), (file, count), file, 0)
PLAIN(ftruncate64, (int file, off_t count), (file, count), file, 0)
PLAIN(renameat, (int from, const char *old, int to, const char *new), (from, old, to, new), from, 0)
PLAIN(unlinkat, (int directory, const char *name, int flags), (directory, name, flags), directory, 0)

static int open_at(const char *call, int directory, const char *name, int flags, mode_t mode) {
  int (*real)(int, const char *, int, ...) = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, call);
  int code;
  if (!(flags & O_CREAT) || !concerns(directory)) return real(directory, name, flags, mode);
  code = fault(1);
  if (kill_at > 0 && calls == kill_at) {
    if (next_random() % 2) real(directory, name, flags, mode);
    die();
  }
  if (code == 0) return real(directory, name, flags, mode);
  errno = code;
  return -1;
}

int openat(int directory, const char *name, int flags, ...) {
  va_list list;
  mode_t mode;
  va_start(list, flags);
  mode = va_arg(list, mode_t);
  va_end(list);
  return open_at("openat", directory, name, flags, mode);
}

int openat64(int directory, const char *name, int flags, ...) {
  va_list list;
  mode_t mode;
  va_start(list, flags);
  mode = va_arg(list, mode_t);
  va_end(list);
  return open_at("openat64", directory, name, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  const char *path = getenv("FAULT_CLOCK");
  FILE *file;
  long seconds;
  int result;
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  result = real(clock, time);
  if (result != 0 || clock != CLOCK_REALTIME || !path || !(file = fopen(path, "re"))) return result;
  if (fscanf(file, "%ld", &seconds) == 1) time->tv_sec += seconds;
  fclose(file);
  return result;
}

int adjtimex(struct timex *clock) {
  static int (*real)(struct timex *);
  if (!real) real = (int (*)(struct timex *))dlsym(RTLD_NEXT, "adjtimex");
  if (!getenv("FAULT_CLOCK")) return real(clock);
  clock->status = 0;
  return 0;
}
