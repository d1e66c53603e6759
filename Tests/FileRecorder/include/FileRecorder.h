// SPDX-License-Identifier: Apache-2.0
// Takes the place of the calls that change files, for the tests of what survives a power cut: they are
// recorded, and can be made to fail. Each thread has a recorder of its own, off until it is started;
// until then the calls are the system's.
#ifndef NBIOT_FILE_RECORDER_H
#define NBIOT_FILE_RECORDER_H

#include <stddef.h>
#include <stdint.h>

enum {
  RECORDED_ANY = -1,
  RECORDED_CREATE = 0,
  RECORDED_WRITE = 1,
  RECORDED_TRUNCATE = 2,
  RECORDED_SYNC = 3,
  RECORDED_FAILED_SYNC = 4,
  RECORDED_RENAME = 5,
  RECORDED_UNLINK = 6,
};

struct recorded_operation {
  int32_t kind;
  int32_t is_directory;
  uint64_t inode;
  int64_t offset;
  size_t count;
  const uint8_t *bytes;
  char name[32];
  char target[32];
};

// What was asked for of a file.
struct recorded_read {
  int64_t offset;
  size_t count;
};

void recorder_start(void);
// Stops, forgets what was recorded and any failure asked for.
void recorder_stop(void);
size_t recorder_count(void);
const struct recorded_operation *recorder_operation(size_t index);
size_t recorder_read_count(void);
struct recorded_read recorder_read(size_t index);

// Makes calls of a kind (RECORDED_...; any kind is as if the process had ended) fail with `code`: after `skip` of them the next `times`. A write
// that is to fail first writes `partial` bytes, which it tells of, if that is above 0.
void recorder_fail(int32_t kind, int32_t skip, int32_t times, int32_t code, int32_t partial);

// Makes reading fail with EIO wherever it touches these bytes of a file, until the recorder stops.
void recorder_make_unreadable(int64_t from, int64_t to);

#endif
