// The POSIX calls that the device makes; `import Glibc` does not exist in the Embedded build.
#ifndef NBIOT_CPOSIX_SHIM_H
#define NBIOT_CPOSIX_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
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

static inline int nbiot_open_input(const char *path) { return open(path, O_RDONLY | O_CLOEXEC); }

static inline int nbiot_is_readable_by_others(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) == 0 && (status.st_mode & 077) != 0;
}

// A datagram socket at a path, for the user and the group of this process; one that is there already is
// replaced, any other file is not. -1 with errno set when that cannot be.
static inline int nbiot_listen_unix(const char *path) {
  struct sockaddr_un address;
  struct stat status;
  mode_t mask;
  int descriptor, code;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, path);
  if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path);
  descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  mask = umask(0117);
  code = bind(descriptor, (struct sockaddr *)&address, sizeof address);
  umask(mask);
  if (code == 0) return descriptor;
  code = errno;
  close(descriptor);
  errno = code;
  return -1;
}

// The length of the next datagram, which may be more than there is room for; -1 when there is none.
static inline ssize_t nbiot_receive_unix(
    int descriptor, void *room, size_t count, struct sockaddr_un *sender, socklen_t *sender_count) {
  *sender_count = sizeof *sender;
  return recvfrom(
      descriptor, room, count, MSG_TRUNC, (struct sockaddr *)sender, sender_count);
}

// To a sender without a name nothing is sent.
static inline void nbiot_reply_unix(
    int descriptor, const void *bytes, size_t count, const struct sockaddr_un *to,
    socklen_t to_count) {
  if (to_count > sizeof(sa_family_t))
    sendto(descriptor, bytes, count, MSG_NOSIGNAL, (const struct sockaddr *)to, to_count);
}

// SIGTERM, SIGINT and SIGUSR1 as a descriptor; SIGPIPE is ignored.
static inline int nbiot_signals(void) {
  sigset_t signals;
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGUSR1);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static inline int nbiot_next_signal(int descriptor) {
  struct signalfd_siginfo signal;
  return read(descriptor, &signal, sizeof signal) == sizeof signal ? (int)signal.ssi_signo : 0;
}

// Runs a command with one argument and waits for its end, a second at most; then it goes on by itself.
static inline int nbiot_run(const char *path, const char *argument) {
  char *const arguments[] = {(char *)path, (char *)argument, NULL};
  char *const environment[] = {NULL};
  struct timespec pause = {0, 5000000};
  posix_spawnattr_t attributes;
  sigset_t none;
  pid_t child;
  int code, status, turns;
  sigemptyset(&none);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &none);
  code = posix_spawn(&child, path, NULL, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) return code;
  for (turns = 0; turns < 200; turns++) {
    if (waitpid(child, &status, WNOHANG) == child) return 0;
    nanosleep(&pause, NULL);
  }
  return ETIMEDOUT;
}

#endif
