// The POSIX calls that the device makes; `import Glibc` does not exist in the Embedded build.
#ifndef NBIOT_CPOSIX_SHIM_H
#define NBIOT_CPOSIX_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
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

// glibc has it only for who asks for all extensions; the same number on x86 and Arm.
#ifndef O_PATH
#define O_PATH 010000000
#endif

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

// Opens those of the three standard descriptors that are closed: a file would take the place of one, and what is
// printed or logged would be written into it.
static inline void nbiot_open_standard(void) {
  int descriptor = openat(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY);
  while (descriptor >= 0 && descriptor <= STDERR_FILENO) descriptor = fcntl(descriptor, F_DUPFD, 0);
  if (descriptor >= 0) close(descriptor);
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

// The addresses of a host, in digits or by name; digits are no query.
static inline int nbiot_resolve_udp(const char *host, struct addrinfo **list) {
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_DGRAM;
  return getaddrinfo(host, NULL, &hints, list);
}

// A port stands at the same place in the addresses of both families.
static inline int nbiot_connect(int descriptor, const struct addrinfo *to, in_port_t port) {
  ((struct sockaddr_in *)to->ai_addr)->sin_port = htons(port);
  return connect(descriptor, to->ai_addr, to->ai_addrlen);
}

static inline int nbiot_open_input(const char *path) {
  return openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

static inline int nbiot_is_readable_by_others(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) == 0 && (status.st_mode & 077) != 0;
}

// Whether there is a socket at a path, and no other kind of file.
static inline int nbiot_is_socket(const char *path) {
  struct stat status;
  // Only to look at the file: a link is not followed, and nothing is opened (Linux 3.6 or later).
  int file = openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  int is_socket = fstat(file, &status) == 0 && S_ISSOCK(status.st_mode);
  close(file);
  return is_socket;
}

// A datagram socket at a path, of so many bytes with the zero byte at its end, for the user and the group of
// this process; one that nobody listens at is replaced, any other file is not. -1 with errno set when that cannot
// be.
static inline int nbiot_listen_unix(const char *path, size_t count) {
  struct sockaddr_un address;
  mode_t mask;
  int descriptor;
  address.sun_family = AF_UNIX;
  if (count > sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(address.sun_path, path, count);
  descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  count += (size_t)(address.sun_path - (char *)&address);
  if (nbiot_is_socket(path) &&
      connect(descriptor, (struct sockaddr *)&address, (socklen_t)count) != 0)
    unlinkat(AT_FDCWD, path, 0);
  mask = umask(0117);
  if (bind(descriptor, (struct sockaddr *)&address, (socklen_t)count) != 0) {
    close(descriptor);
    descriptor = -1;
  }
  umask(mask);
  return descriptor;
}

// The length of the next datagram, which may be more than there is room for; -1 when there is none.
static inline ssize_t nbiot_receive_unix(
    int descriptor, void *room, size_t count, struct sockaddr_un *sender, socklen_t *sender_count) {
  *sender_count = sizeof *sender;
  return recvfrom(
      descriptor, room, count, MSG_TRUNC, (struct sockaddr *)sender, sender_count);
}

// To a sender without a name nothing is sent. A name that fills its place is told with one byte more.
static inline void nbiot_reply_unix(
    int descriptor, const void *bytes, size_t count, const struct sockaddr_un *to,
    socklen_t to_count) {
  if (to_count > sizeof *to) to_count = sizeof *to;
  if (to_count > sizeof(sa_family_t))
    sendto(descriptor, bytes, count, MSG_NOSIGNAL, (const struct sockaddr *)to, to_count);
}

// A set of signals as Linux has it, the first as the lowest bit. A sigset_t has room for more, which no call
// hands to the kernel.
union nbiot_signal_set {
  unsigned long long bits;
  sigset_t set;
};

// SIGTERM, SIGINT and SIGUSR1 as a descriptor. SIGPIPE and SIGXFSZ are only held back: who writes to nobody, or
// more than is allowed, learns that from the call that writes.
static inline int nbiot_signals(void) {
  union nbiot_signal_set signals;
  int descriptor;
  signals.bits = 1ull << (SIGTERM - 1) | 1ull << (SIGINT - 1) | 1ull << (SIGUSR1 - 1);
  descriptor = signalfd(-1, &signals.set, SFD_NONBLOCK | SFD_CLOEXEC);
  signals.bits |= 1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1);
  sigprocmask(SIG_BLOCK, &signals.set, NULL);
  return descriptor;
}

// Writes a line, once the reader of a pipe takes it. While it does not, SIGTERM and SIGINT end the process at once.
static inline ssize_t nbiot_write(int descriptor, const void *bytes, size_t count) {
  union nbiot_signal_set ends;
  struct pollfd entry;
  entry.fd = descriptor;
  entry.events = POLLOUT;
  ends.bits = 1ull << (SIGTERM - 1) | 1ull << (SIGINT - 1);
  while (poll(&entry, 1, 200) == 0) {
    sigprocmask(SIG_UNBLOCK, &ends.set, NULL);
    sigprocmask(SIG_BLOCK, &ends.set, NULL);
  }
  return write(descriptor, bytes, count);
}

static inline int nbiot_next_signal(int descriptor) {
  struct signalfd_siginfo signal;
  return read(descriptor, &signal, sizeof signal) == sizeof signal ? (int)signal.ssi_signo : 0;
}

// exit, without its promise not to return: Swift destroys what a scope owns before a call that makes it.
static inline void nbiot_exit(int status) { exit(status); }

// Runs a command with one argument and waits for its end, a second at most; then it goes on by itself, and is
// taken from the system's table of processes when the next one is run.
//
// vfork lends the child this memory until it runs the command, or has failed to, and so `code` comes back: no
// signal has a handler that could run in it. (An emulator that makes a fork of it tells of no failure.) The
// child takes every signal again, which this process holds back.
static inline __attribute__((noinline)) int nbiot_run(const char *path, const char *argument) {
  char *const arguments[] = {(char *)path, (char *)argument, NULL};
  union nbiot_signal_set none;
  pid_t child;
  int turns;
  volatile int code = 0;
  none.bits = 0;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
  child = vfork();
  if (child < 0) return errno;
  if (child == 0) {
    sigprocmask(SIG_SETMASK, &none.set, NULL);
    execve(path, arguments, arguments + 2);
    code = errno;
    _exit(127);
  }
  for (turns = 0; turns < 200; turns++) {
    if (waitpid(child, NULL, WNOHANG) == child) break;
    poll(NULL, 0, 5);
  }
  return turns < 200 || code != 0 ? code : ETIMEDOUT;
}

#endif
