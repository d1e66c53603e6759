// SPDX-License-Identifier: Apache-2.0
// Loaded before libc (LD_PRELOAD): each sync takes SYNC_MILLISECONDS in place of what the disk takes, and adds a
// byte to the file SYNC_COUNT.
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int wait_and_count(void) {
  const char *text = getenv("SYNC_MILLISECONDS"), *path = getenv("SYNC_COUNT");
  long count = text ? atol(text) : 0;
  struct timespec time = {count / 1000, count % 1000 * 1000000};
  int file;
  nanosleep(&time, NULL);
  if (path && (file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) >= 0) {
    if (write(file, ".", 1) != 1) abort();
    close(file);
  }
  return 0;
}

int fdatasync(int file) {
  (void)file;
  return wait_and_count();
}

int fsync(int file) {
  (void)file;
  return wait_and_count();
}
