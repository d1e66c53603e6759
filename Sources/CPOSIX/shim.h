// The POSIX calls that the device makes; `import Glibc` does not exist in the Embedded build.
#ifndef NBIOT_CPOSIX_SHIM_H
#define NBIOT_CPOSIX_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// errno is a macro over a function call, which Swift does not import.
static inline int nbiot_errno(void) { return errno; }

// SOCK_DGRAM is an enumeration in glibc and a macro elsewhere.
static inline int nbiot_udp_socket(int family) {
  return socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
}

// open and openat take a varying number of arguments, which Swift does not import.
static inline int nbiot_open_directory(int base, const char *path) {
  return openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// Never another file than the one of that name, and never to wait for one that is a pipe.
static inline int nbiot_open_file(int directory, const char *name, int flags) {
  return openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
}

// off_t may have 64 bits where Int has 32; Swift converts between the two with help from the heap.
static inline ssize_t nbiot_pread(int file, void *bytes, size_t count, size_t offset) {
  return pread(file, bytes, count, (off_t)offset);
}

static inline ssize_t nbiot_pwrite(int file, const void *bytes, size_t count, size_t offset) {
  return pwrite(file, bytes, count, (off_t)offset);
}

static inline int nbiot_ftruncate(int file, size_t count) { return ftruncate(file, (off_t)count); }

static inline int nbiot_duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 0); }

static inline int nbiot_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

static inline struct addrinfo nbiot_udp_hints(int numeric_only) {
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV | (numeric_only ? AI_NUMERICHOST : 0);
  return hints;
}

#endif
