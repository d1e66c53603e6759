// SPDX-License-Identifier: Apache-2.0
// The names in a directory, for the gateway's agent; apart from CPOSIX, whose programs list none.
#ifndef NBIOT_CDIRECTORY_SHIM_H
#define NBIOT_CDIRECTORY_SHIM_H

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// By their bytes, whatever the locale.
static int nbiot_by_bytes(const struct dirent **left, const struct dirent **right) {
  return strcmp((*left)->d_name, (*right)->d_name);
}

// Writes the names in a directory that contain a comma and do not start with a dot, sorted, each followed by a zero byte;
// returns how many bytes they have, -1 with errno set where they cannot be read (ENOTDIR: the path is a file's), and -2
// where they are more than `room`.
static inline __attribute__((noinline)) long nbiot_list_names(const char *path, char *names, size_t room) {
  struct dirent **list;
  size_t used = 0;
  int is_full = 0;
  int count = scandir(path, &list, NULL, nbiot_by_bytes);
  if (count < 0) return -1;
  for (int index = 0; index < count; index++) {
    const char *name = list[index]->d_name;
    size_t length = strlen(name) + 1;
    if (name[0] != '.' && strchr(name, ',') != NULL) {
      if (length > room - used)
        is_full = 1;
      else {
        memcpy(names + used, name, length);
        used += length;
      }
    }
    free(list[index]);
  }
  free(list);
  return is_full ? -2 : (long)used;
}

#endif
