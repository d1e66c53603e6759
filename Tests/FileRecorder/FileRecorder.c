// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "FileRecorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread int is_on;
static __thread struct recorded_operation *operations;
static __thread size_t operation_count;
static __thread size_t operation_capacity;
static __thread struct {
  int32_t kind, skip, times, code, partial;
} failure;

static __thread int64_t unreadable_from, unreadable_to;
static __thread struct recorded_read *reads;
static __thread size_t read_count;

void recorder_start(void) { is_on = 1; }

void recorder_stop(void) {
  is_on = 0;
  for (size_t index = 0; index < operation_count; index++) free((void *)operations[index].bytes);
  operation_count = 0;
  read_count = 0;
  memset(&failure, 0, sizeof failure);
  unreadable_from = unreadable_to = 0;
}

size_t recorder_count(void) { return operation_count; }

const struct recorded_operation *recorder_operation(size_t index) { return &operations[index]; }

size_t recorder_read_count(void) { return read_count; }

struct recorded_read recorder_read(size_t index) { return reads[index]; }

void recorder_fail(int32_t kind, int32_t skip, int32_t times, int32_t code, int32_t partial) {
  failure.kind = kind;
  failure.skip = skip;
  failure.times = times;
  failure.code = code;
  failure.partial = partial;
}

void recorder_make_unreadable(int64_t from, int64_t to) {
  unreadable_from = from;
  unreadable_to = to;
}

static int fails(int32_t kind) {
  if (!is_on || failure.times == 0) return 0;
  if (failure.kind != kind && failure.kind != RECORDED_ANY) return 0;
  if (failure.skip > 0) {
    failure.skip--;
    return 0;
  }
  failure.times--;
  errno = failure.code;
  return 1;
}

static struct recorded_operation *record(int32_t kind, int descriptor) {
  if (operation_count == operation_capacity) {
    operation_capacity = operation_capacity ? operation_capacity * 2 : 64;
    operations = realloc(operations, operation_capacity * sizeof *operations);
  }
  struct recorded_operation *operation = &operations[operation_count++];
  memset(operation, 0, sizeof *operation);
  operation->kind = kind;
  struct stat status;
  if (descriptor >= 0 && fstat(descriptor, &status) == 0) {
    operation->inode = status.st_ino;
    operation->is_directory = S_ISDIR(status.st_mode);
  }
  return operation;
}

static void name_it(char *target, const char *name) { strncpy(target, name, 31); }

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  if (fails(RECORDED_WRITE)) {
    if (failure.partial <= 0 || (size_t)failure.partial >= count) return -1;
    // The bytes that there was room for; the rest is refused when it is tried again.
    count = (size_t)failure.partial;
    failure.partial = 0;
    failure.times++;
    failure.skip = 0;
  }
  ssize_t result = syscall(SYS_pwrite64, descriptor, bytes, count, offset);
  if (is_on && result > 0) {
    struct recorded_operation *operation = record(RECORDED_WRITE, descriptor);
    operation->offset = offset;
    operation->count = (size_t)result;
    uint8_t *copy = malloc((size_t)result);
    memcpy(copy, bytes, (size_t)result);
    operation->bytes = copy;
  }
  return result;
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
  if (is_on && offset < unreadable_to && offset + (off_t)count > unreadable_from) {
    errno = EIO;
    return -1;
  }
  if (is_on) {
    reads = realloc(reads, (read_count + 1) * sizeof *reads);
    reads[read_count++] = (struct recorded_read){offset, count};
  }
  return syscall(SYS_pread64, descriptor, bytes, count, offset);
}

static int sync_with(long call, int descriptor) {
  if (fails(RECORDED_SYNC)) {
    int code = errno;
    if (code != EINTR && failure.kind == RECORDED_SYNC) record(RECORDED_FAILED_SYNC, descriptor);
    errno = code;
    return -1;
  }
  int result = (int)syscall(call, descriptor);
  if (is_on && result == 0) record(RECORDED_SYNC, descriptor);
  return result;
}

int fdatasync(int descriptor) { return sync_with(SYS_fdatasync, descriptor); }

int fsync(int descriptor) { return sync_with(SYS_fsync, descriptor); }

int ftruncate(int descriptor, off_t count) {
  if (fails(RECORDED_TRUNCATE)) return -1;
  int result = (int)syscall(SYS_ftruncate, descriptor, count);
  if (is_on && result == 0) record(RECORDED_TRUNCATE, descriptor)->offset = count;
  return result;
}

int renameat(int from, const char *name, int to, const char *target) {
  if (fails(RECORDED_RENAME)) return -1;
  int result = (int)syscall(SYS_renameat2, from, name, to, target, 0);
  if (is_on && result == 0) {
    struct recorded_operation *operation = record(RECORDED_RENAME, -1);
    name_it(operation->name, name);
    name_it(operation->target, target);
  }
  return result;
}

int unlinkat(int directory, const char *name, int flags) {
  if (fails(RECORDED_UNLINK)) return -1;
  int result = (int)syscall(SYS_unlinkat, directory, name, flags);
  if (is_on && result == 0) name_it(record(RECORDED_UNLINK, -1)->name, name);
  return result;
}

int openat(int directory, const char *name, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  if ((flags & O_CREAT) && fails(RECORDED_CREATE)) return -1;
  int result = (int)syscall(SYS_openat, directory, name, flags, mode);
  if (is_on && result >= 0 && (flags & O_CREAT)) name_it(record(RECORDED_CREATE, result)->name, name);
  return result;
}
