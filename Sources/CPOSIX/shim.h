// SPDX-License-Identifier: Apache-2.0
// The POSIX calls of the device program; `import Glibc` does not exist in the Embedded build.
#ifndef NBIOT_CPOSIX_SHIM_H
#define NBIOT_CPOSIX_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Swift's -Osize makes clang optimise these functions, a twentieth of the agent, for -Os only.
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)

// glibc defines it only with all extensions enabled; the value is the same on x86 and Arm.
#ifndef O_PATH
#define O_PATH 010000000
#endif

// errno is a macro over a function call; Swift does not import it.
static inline int nbiot_errno(void) { return errno; }
static inline void nbiot_set_errno(int code) { errno = code; }

// The name and the description of an error, such as "ENOSPC" and "No space left on device" (glibc 2.32); NULL for an
// unknown number. glibc declares them, and the two below, only with all extensions enabled.
extern const char *strerrorname_np(int);
extern const char *strerrordesc_np(int);
extern int memfd_create(const char *, unsigned int);
extern int pipe2(int *, int);

// open and openat are variadic; Swift does not import them.
static inline int nbiot_open_directory(int base, const char *path) {
  return openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// Opens /dev/null on closed descriptors 0 to 2; otherwise the next file opened would get that number, and output would
// be written into it. Standard output gets a read-only descriptor, so that writes fail instead of losing results
// silently.
static inline void nbiot_open_standard(void) {
  int descriptor;
  while ((descriptor = openat(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY)) >= 0 &&
         descriptor <= STDERR_FILENO)
    if (descriptor == STDOUT_FILENO) {
      close(descriptor);
      openat(AT_FDCWD, "/dev/null", O_RDONLY | O_NOCTTY);
    }
  close(descriptor);
}

// Keeps the process's memory, which holds a secret, out of core files and away from the user's other processes.
static inline void nbiot_forbid_core(void) {
  struct rlimit none = {0, 0};
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  setrlimit(RLIMIT_CORE, &none);
}

// Restores the default action of crash signals and SIGQUIT. A Swift runtime that prints backtraces has taken them
// before `main`; it prints registers and memory, and continues after SIGQUIT. Signals that the parent has set to be
// ignored stay ignored.
static inline void nbiot_end_by_crashes(void) {
  static const int numbers[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
  struct sigaction action;
  for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++) {
    if (sigaction(numbers[index], NULL, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigaction(numbers[index], &action, NULL);
  }
}

// Opens the file of that name only, not a link's target, and never blocks on a pipe.
static inline int nbiot_open_file(int directory, const char *name, int flags) {
  return openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
}

// off_t may have 64 bits where Int has 32; Swift's conversion between them uses the heap.
static inline ssize_t nbiot_pread(int file, void *bytes, size_t count, size_t offset) {
  return pread(file, bytes, count, (off_t)offset);
}

static inline ssize_t nbiot_pwrite(int file, const void *bytes, size_t count, size_t offset) {
  return pwrite(file, bytes, count, (off_t)offset);
}

static inline int nbiot_ftruncate(int file, size_t count) { return ftruncate(file, (off_t)count); }

static inline int nbiot_duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 0); }

static inline int nbiot_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

// An unpredictable number.
static inline unsigned long long nbiot_random(void) {
  unsigned long long number = 0;
  while (getrandom(&number, sizeof number, 0) < 0 && errno == EINTR) {
  }
  return number;
}

// A number that identifies this boot of the machine, never 0: a hash (FNV-1a) of the kernel's boot_id; without a
// boot_id, a random number for this process.
static inline unsigned long long nbiot_boot(void) {
  char text[64];
  unsigned long long hash = 0xcbf29ce484222325ull;
  int file = openat(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  ssize_t count = file < 0 ? -1 : read(file, text, sizeof text);
  if (file >= 0) close(file);
  if (count <= 0) return nbiot_random() | 1;
  while (count-- > 0) hash = (hash ^ (unsigned char)text[count]) * 0x100000001b3ull;
  return hash | 1;
}

// Whether the calendar clock is synchronised; changes nothing.
static inline int nbiot_is_synchronised(void) {
  struct timex clock;
  memset(&clock, 0, sizeof clock);
  return adjtimex(&clock) >= 0 && !(clock.status & STA_UNSYNC);
}

// A signal set in Linux's layout, the first signal in the lowest bit. A sigset_t is larger, but no call passes the rest
// to the kernel.
union nbiot_signal_set {
  unsigned long long bits;
  sigset_t set;
};

// The addresses of a server, in the order in which to try them (RFC 6724), or the error code if there are none. An IPv4
// address takes the start of its entry; the port has the same offset in both families.
enum { nbiot_most_addresses = 8 };
struct nbiot_addresses {
  // The result of getaddrinfo.
  int code;
  int count;
  struct sockaddr_in6 list[nbiot_most_addresses];
};

// Blocks during the query, unless the flags allow only digits.
static inline __attribute__((noinline)) void nbiot_find_addresses(const char *host, int flags, struct nbiot_addresses *found) {
  struct addrinfo hints, *list = NULL, *next;
  memset(&hints, 0, sizeof hints);
  memset(found, 0, sizeof *found);
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = flags;
  found->code = getaddrinfo(host, NULL, &hints, &list);
  if (found->code != 0) return;
  for (next = list; next != NULL && found->count < nbiot_most_addresses; next = next->ai_next)
    if (next->ai_addrlen <= sizeof found->list[0])
      memcpy(&found->list[found->count++], next->ai_addr, next->ai_addrlen);
  freeaddrinfo(list);
}

// A name with a trailing dot is absolute: the system's search domains are not tried (in this thread only), and the dot
// is removed, because names in /etc/hosts have none. `count` is the name's length.
static inline void nbiot_find_name(char *host, size_t count, struct nbiot_addresses *found) {
  if (count > 1 && host[count - 1] == '.') {
    host[count - 1] = 0;
    if (res_init() == 0) _res.options &= ~(RES_DEFNAMES | RES_DNSRCH);
  }
  nbiot_find_addresses(host, 0, found);
}

// Reads a name from its end of a socket pair, and writes the addresses back.
static inline void *nbiot_look_up(void *argument) {
  int descriptor = (int)(intptr_t)argument;
  struct nbiot_addresses found;
  char host[256];
  ssize_t count = read(descriptor, host, sizeof host - 1);
  if (count > 0) {
    host[count] = 0;
    nbiot_find_name(host, (size_t)count, &found);
    // If the reader has gone, write fails: SIGPIPE is blocked in this thread.
    if (write(descriptor, &found, sizeof found) < 0) found.count = 0;
  }
  close(descriptor);
  return NULL;
}

// Starts to look up a host name of `count` bytes, at most 255, in a thread that takes no signals and ends with the
// query. Returns a descriptor that becomes readable then, or -1 if the result is in `found` at once: an address in
// digits, or no thread.
static inline int nbiot_start_lookup(const char *host, size_t count, struct nbiot_addresses *found) {
  union nbiot_signal_set all;
  sigset_t before;
  pthread_t thread;
  int pair[2];
  int code;
  nbiot_find_addresses(host, AI_NUMERICHOST, found);
  if (found->code != EAI_NONAME) return -1;
  found->code = EAI_SYSTEM;
  // A packet socket: each read returns one complete write.
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) return -1;
  all.bits = ~0ull;
  sigprocmask(SIG_BLOCK, &all.set, &before);
  code = write(pair[0], host, count) == (ssize_t)count
             ? pthread_create(&thread, NULL, nbiot_look_up, (void *)(intptr_t)pair[1])
             : EAGAIN;
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (code == 0) {
    pthread_detach(thread);
    return pair[0];
  }
  close(pair[0]);
  close(pair[1]);
  return -1;
}

// Whether a lookup has finished; its descriptor is then closed, and the result is in `found`.
static inline int nbiot_finish_lookup(int descriptor, struct nbiot_addresses *found) {
  ssize_t count = read(descriptor, found, sizeof *found);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  close(descriptor);
  if (count != (ssize_t)sizeof *found) {
    found->code = EAI_SYSTEM;
    found->count = 0;
  }
  return 1;
}

// Moves an address to the front of the list, if the list contains it.
static inline void nbiot_prefer_address(struct nbiot_addresses *list, const struct sockaddr_in6 *known) {
  int index;
  for (index = 1; index < list->count; index++) {
    // Compares family, IPv4 address, and IPv6 address with scope, word by word, which needs no further import.
    const uint32_t *left = (const uint32_t *)&list->list[index], *right = (const uint32_t *)known;
    if (left[0] != right[0] || left[1] != right[1] || left[2] != right[2] || left[3] != right[3] ||
        left[4] != right[4] || left[5] != right[5] || left[6] != right[6])
      continue;
    memmove(&list->list[1], &list->list[0], (size_t)index * sizeof *known);
    list->list[0] = *known;
    return;
  }
}

// Opens a UDP socket connected to one of the addresses; -1 with errno set on failure.
//
// Over IPv4, routers may fragment its datagrams: RFC 7252 Section 4.6 assumes a path MTU of 1,280 bytes, which IPv4
// does not guarantee. Path MTU discovery would lose a datagram for each narrower link, and all of them behind a
// firewall that drops the ICMP messages. Over IPv6 only the sender may fragment, so it needs these messages.
static inline int nbiot_open_udp(const struct nbiot_addresses *list, int index, in_port_t port) {
  struct sockaddr_in6 to = list->list[index];
  int is_ipv4 = to.sin6_family == AF_INET;
  int never = IP_PMTUDISC_DONT;
  int code;
  int descriptor = socket(to.sin6_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  if (descriptor < 0) return -1;
  // conformance: 6347-4.1.1-c
  if (is_ipv4) setsockopt(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof never);
  to.sin6_port = htons(port);
  // conformance: 7252-5.3.2-a 7252-4.4-c
  if (connect(descriptor, (struct sockaddr *)&to,
              is_ipv4 ? sizeof(struct sockaddr_in) : sizeof to) == 0)
    return descriptor;
  code = errno;
  close(descriptor);
  errno = code;
  return -1;
}

// glibc declares it as in6_pktinfo only to programs that ask for all extensions (RFC 3542 Section 6).
struct nbiot_packet_source {
  struct in6_addr address;
  unsigned interface;
};

// Sends a datagram over a connected UDP socket: how many bytes, or -1 with errno set.
//
// A connected socket keeps the source address that it got at first. Over IPv4 Linux refuses to send from one that the
// device no longer has (EINVAL); over IPv6 it sends all the same, and no answer can come. There the address is named
// for each datagram, which makes Linux look whether it is still the device's.
static inline ssize_t nbiot_send_datagram(int descriptor, const void *bytes, size_t count) {
  struct sockaddr_in6 own;
  socklen_t length = sizeof own;
  struct iovec piece = {(void *)bytes, count};
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(struct nbiot_packet_source))];
  } control;
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (getsockname(descriptor, (struct sockaddr *)&own, &length) == 0 && own.sin6_family == AF_INET6) {
    struct nbiot_packet_source source = {own.sin6_addr, own.sin6_scope_id};
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    control.head.cmsg_level = IPPROTO_IPV6;
    control.head.cmsg_type = IPV6_PKTINFO;
    control.head.cmsg_len = CMSG_LEN(sizeof source);
    memcpy(CMSG_DATA(&control.head), &source, sizeof source);
  }
  return sendmsg(descriptor, &message, MSG_NOSIGNAL);
}

// recv would be one more function to import. Returns the length of the whole datagram, which may exceed the room.
static inline ssize_t nbiot_receive(int descriptor, void *room, size_t count) {
  return recvfrom(descriptor, room, count, MSG_TRUNC, NULL, NULL);
}

// Appends the first address of another list.
static inline void nbiot_add_address(const struct nbiot_addresses *from, struct nbiot_addresses *to) {
  if (from->count > 0 && to->count < nbiot_most_addresses) to->list[to->count++] = from->list[0];
}

// Writes an address in digits, with a terminating zero byte.
static inline void nbiot_address_text(
    const struct nbiot_addresses *list, int index, char *text, size_t count) {
  const struct sockaddr_in6 *address = &list->list[index];
  socklen_t length = address->sin6_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof *address;
  if (getnameinfo((const struct sockaddr *)address, length, text, (socklen_t)count, NULL, 0, NI_NUMERICHOST) != 0)
    text[0] = 0;
}

// Never blocks on a pipe, and never makes a terminal the controlling one.
static inline int nbiot_open_input(const char *path) {
  return openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

// Reads the regular file at a path, all of it if that fits; returns how many bytes, or -1 with errno set.
static inline ssize_t nbiot_read_file(const char *path, void *room, size_t size) {
  int file = nbiot_open_input(path), code;
  ssize_t count;
  struct stat status;
  if (file < 0) return -1;
  count = fstat(file, &status) == 0 && S_ISREG(status.st_mode) ? pread(file, room, size, 0) : -1;
  code = count < 0 && S_ISREG(status.st_mode) ? errno : EINVAL;
  close(file);
  errno = code;
  return count;
}

// Replaces the file at a path of less than 250 bytes with those, readable by its owner alone: they are on the storage
// before they have the name, so that there is always a whole file. Returns 0, or the error's number.
static inline int nbiot_replace_file(const char *path, const void *bytes, size_t count) {
  char made[256], folder[256];
  size_t length = strlen(path), end = length;
  int file, code = 0;
  if (length >= 250) return ENAMETOOLONG;
  memcpy(made, path, length);
  memcpy(made + length, ".new", 5);
  // One that a loss of power has left.
  unlinkat(AT_FDCWD, made, 0);
  file = openat(AT_FDCWD, made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return errno;
  if (pwrite(file, bytes, count, 0) != (ssize_t)count || fsync(file) != 0 ||
      renameat(AT_FDCWD, made, AT_FDCWD, path) != 0)
    code = errno ? errno : EIO;
  close(file);
  if (code) {
    unlinkat(AT_FDCWD, made, 0);
    return code;
  }
  while (end > 0 && path[end - 1] != '/') end--;
  memcpy(folder, path, end);
  memcpy(folder + end, ".", 2);
  file = openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // Where the folder cannot be synced the former file may come back after a loss of power.
  if (file >= 0) {
    fsync(file);
    close(file);
  }
  return 0;
}

// The mode of a regular file; 0 for any other kind.
static inline unsigned nbiot_regular_mode(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) ? status.st_mode : 0;
}

// The mode of the file at a path, and its status; 0 if there is none. Follows a link unless `flags` has O_NOFOLLOW; the
// file is opened for its status only (Linux 3.6 or later).
static inline __attribute__((noinline)) mode_t nbiot_look(
    const char *path, int flags, struct stat *found) {
  int file = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC | flags);
  int code = fstat(file, found);
  close(file);
  return code == 0 ? found->st_mode : 0;
}

// Whether the path is an executable file.
static inline int nbiot_is_command(const char *path) {
  struct stat status;
  mode_t mode = nbiot_look(path, 0, &status);
  return S_ISREG(mode) && (mode & 0111) != 0;
}

// The number of the named group; -1 if it does not exist.
static inline gid_t nbiot_find_group(const char *name) {
  const struct group *group = getgrnam(name);
  return group != NULL ? group->gr_gid : (gid_t)-1;
}

// Binds a datagram socket to a path of `count` bytes, including the terminating zero, with that mode and group; -1
// keeps the process's own group. Nobody else can use it before. Replaces a socket that refuses connections because its
// owner has gone, but no other file, and no socket in use, of whatever type. Returns -1 with errno set on failure.
static inline int nbiot_listen_unix(const char *path, size_t count, mode_t mode, gid_t group) {
  struct sockaddr_un address;
  struct stat status;
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
  if (S_ISSOCK(nbiot_look(path, O_NOFOLLOW, &status)) &&
      connect(descriptor, (struct sockaddr *)&address, (socklen_t)count) != 0 &&
      errno == ECONNREFUSED)
    unlinkat(AT_FDCWD, path, 0);
  mask = umask(0177);
  if (bind(descriptor, (struct sockaddr *)&address, (socklen_t)count) != 0) {
    close(descriptor);
    descriptor = -1;
  } else if (fchownat(AT_FDCWD, path, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW) != 0 || chmod(path, mode) != 0) {
    int code = errno;
    unlinkat(AT_FDCWD, path, 0);
    close(descriptor);
    descriptor = -1;
    errno = code;
  }
  umask(mask);
  return descriptor;
}

// Sends a datagram to the socket at a path of `count` bytes, including the terminating zero, and waits for the answer,
// up to `seconds` for each. Returns the answer's length, or -1 with errno set: EAGAIN on a timeout. The receiver may be
// about to start, so connecting is retried for five seconds. The system chooses the sender's name, which is not a file.
static inline ssize_t nbiot_ask_unix(
    const char *path, size_t count, const void *bytes, size_t length, void *answer, size_t room,
    int seconds) {
  struct sockaddr_un address;
  struct timeval patience = {seconds, 0};
  ssize_t received = -1;
  int descriptor, code, attempts = 50;
  address.sun_family = AF_UNIX;
  if (count > sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(address.sun_path, path, count);
  descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  count += (size_t)(address.sun_path - (char *)&address);
  setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  bind(descriptor, (struct sockaddr *)&address, sizeof(sa_family_t));
  while ((code = connect(descriptor, (struct sockaddr *)&address, (socklen_t)count)) != 0 &&
         (errno == ENOENT || errno == ECONNREFUSED) && --attempts > 0)
    poll(NULL, 0, 100);
  // A datagram's sender gets no SIGPIPE.
  if (code == 0 && write(descriptor, bytes, length) >= 0) {
    received = recvfrom(descriptor, answer, room, 0, NULL, NULL);
    // The datagram is queued in the socket and may still be read.
    errno = ETIMEDOUT;
  }
  code = errno;
  close(descriptor);
  errno = code;
  return received;
}

// Checks whether a socket can be created at a path of `count` bytes, including the terminating zero: 0, or an error
// number.
static inline int nbiot_check_unix(const char *path, size_t count) {
  char folder[sizeof(((struct sockaddr_un *)0)->sun_path) + 2] = ".";
  struct stat status;
  mode_t mode = nbiot_look(path, O_NOFOLLOW, &status);
  if (count > sizeof folder - 2) return ENAMETOOLONG;
  if (mode != 0) return S_ISSOCK(mode) ? 0 : EADDRINUSE;
  // The path up to its last slash, or the current directory.
  while (count > 0 && path[count - 1] != '/') count--;
  if (count > 0) memcpy(folder, path, count);
  return S_ISDIR(nbiot_look(folder, 0, &status)) ? 0 : ENOENT;
}

// The sender of a datagram: an address, and a zero byte to terminate its name. Its length is 0 if there is no sender.
struct nbiot_sender {
  struct sockaddr_un address;
  char end;
  socklen_t count;
};

// The length of the next datagram, which may exceed `count`; -1 if there is none.
static inline ssize_t nbiot_receive_unix(
    int descriptor, void *room, size_t count, struct nbiot_sender *sender) {
  ssize_t length;
  sender->count = sizeof sender->address;
  length = recvfrom(
      descriptor, room, count, MSG_TRUNC, (struct sockaddr *)&sender->address, &sender->count);
  // For a name that fills the field the reported length is one byte more.
  if (sender->count > sizeof sender->address) sender->count = sizeof sender->address;
  ((char *)sender)[sender->count] = 0;
  return length;
}

// Does not reply to a sender without a name, nor to the socket itself through any link: each reply would cause another
// one. An abstract name begins with a zero byte and is not a file.
static inline void nbiot_reply_unix(
    int descriptor, const void *bytes, size_t count, const struct nbiot_sender *to,
    const struct stat *own) {
  struct stat other;
  struct iovec piece = {(void *)bytes, count};
  struct msghdr message;
  if (to->count <= sizeof(sa_family_t)) return;
  if (nbiot_look(to->address.sun_path, 0, &other) != 0 && other.st_ino == own->st_ino &&
      other.st_dev == own->st_dev)
    return;
  memset(&message, 0, sizeof message);
  message.msg_name = (void *)&to->address;
  message.msg_namelen = to->count;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  sendmsg(descriptor, &message, MSG_NOSIGNAL);
}

static inline void nbiot_end(int signal) {
  (void)signal;
  _exit(0);
}

// Lets SIGTERM and SIGINT end the process with status 0 at any instant, until `nbiot_signals` blocks them: the data on
// disk is consistent at any instant. The other signals are blocked.
static inline void nbiot_end_by_signals(void) {
  union nbiot_signal_set signals;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = nbiot_end;
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  signals.bits = 1ull << (SIGHUP - 1) | 1ull << (SIGUSR1 - 1) | 1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1);
  sigprocmask(SIG_SETMASK, &signals.set, NULL);
}

// A descriptor for SIGTERM, SIGINT, SIGHUP and SIGUSR1. SIGPIPE and SIGXFSZ are only blocked: a write without a reader,
// or beyond the limit, fails with an error instead.
static inline int nbiot_signals(void) {
  union nbiot_signal_set signals;
  int descriptor;
  signals.bits = 1ull << (SIGTERM - 1) | 1ull << (SIGINT - 1) | 1ull << (SIGHUP - 1) |
                 1ull << (SIGUSR1 - 1);
  descriptor = signalfd(-1, &signals.set, SFD_NONBLOCK | SFD_CLOEXEC);
  signals.bits |= 1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1);
  sigprocmask(SIG_BLOCK, &signals.set, NULL);
  return descriptor;
}

// Writes a line as soon as the reader of the pipe accepts it. Meanwhile SIGTERM and SIGINT end the process at once.
static inline ssize_t nbiot_write(int descriptor, const void *bytes, size_t count) {
  union nbiot_signal_set ends;
  const struct timespec no_time = {0, 0};
  struct pollfd entry;
  entry.fd = descriptor;
  entry.events = POLLOUT;
  ends.bits = 1ull << (SIGTERM - 1) | 1ull << (SIGINT - 1);
  while (poll(&entry, 1, 200) == 0)
    if (sigtimedwait(&ends.set, NULL, &no_time) > 0) _exit(0);
  return write(descriptor, bytes, count);
}

static inline int nbiot_next_signal(int descriptor) {
  struct signalfd_siginfo signal;
  return read(descriptor, &signal, sizeof signal) == sizeof signal ? (int)signal.ssi_signo : 0;
}

// _exit without its noreturn attribute: Swift destroys the values of the scope before a call that never returns.
static inline void nbiot_exit(int status) { _exit(status); }

// Closes the descriptors up to 1,023 whose bits are not set, before another program runs in this one's place: libraries
// leave some open for it, and so may whoever has started this one. `close_range` would cost the smallest agent 60 bytes.
static inline __attribute__((noinline)) void nbiot_close_others(unsigned kept) {
  int descriptor = 0;
  do {
    if (!(kept & 1)) close(descriptor);
    kept >>= 1;
  } while (++descriptor < 1024);
}

// Starts a program in a process group of its own, with /dev/null as standard input and output and, unless `kept` is
// the bit of standard error, 4, as that. It gets no other descriptor. `*code` is the error if it cannot be run.
//
// vfork lends the child this process's memory until the program runs or has failed to start; so the error code comes
// back. The only signal handler ends the child at once. (Under an emulator that implements vfork as fork, no error is
// reported.) The child unblocks all signals, which this process blocks, and ends with this process.
static inline __attribute__((noinline)) pid_t nbiot_start(
    char *const *arguments, unsigned kept, volatile int *code) {
  union nbiot_signal_set none;
  int output;
  pid_t child;
  none.bits = 0;
  *code = 0;
  child = vfork();
  if (child < 0) *code = errno;
  if (child != 0) return child;
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  nbiot_close_others(kept);
  do output = openat(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY);
  while (output >= 0 && output < (kept ? 1 : 2));
  sigprocmask(SIG_SETMASK, &none.set, NULL);
  if (kept)
    execvp(arguments[0], arguments);
  else
    execve(arguments[0], arguments, arguments + 2);
  *code = errno;
  _exit(127);
}

// The child's exit status if it ends within `milliseconds`; otherwise -1.
static inline __attribute__((noinline)) int nbiot_ends(pid_t child, int milliseconds) {
  int status;
  while (waitpid(child, &status, WNOHANG) != child) {
    if (milliseconds <= 0) return -1;
    poll(NULL, 0, 5);
    milliseconds -= 5;
  }
  return status;
}

// Starts a command with one argument and no environment.
static inline pid_t nbiot_start_command(const char *path, const char *argument, int *code) {
  char *const arguments[] = {(char *)path, (char *)argument, NULL};
  volatile int failure;
  pid_t child = nbiot_start(arguments, 0, &failure);
  *code = failure;
  return child;
}

// The descriptor of `nbiot_signals` which tells of the ends of children as well; -1 where it cannot.
static inline int nbiot_add_children(int descriptor) {
  union nbiot_signal_set signals;
  signals.bits = 1ull << (SIGCHLD - 1);
  sigprocmask(SIG_BLOCK, &signals.set, NULL);
  signals.bits |= 1ull << (SIGTERM - 1) | 1ull << (SIGINT - 1) | 1ull << (SIGHUP - 1) | 1ull << (SIGUSR1 - 1);
  return signalfd(descriptor, &signals.set, SFD_NONBLOCK | SFD_CLOEXEC);
}

// A file without a name that holds these bytes and is read from its start; -1 where there is no memory.
static inline int nbiot_memory_file(const void *bytes, size_t count) {
  int file = memfd_create("nbiot", 1 /* MFD_CLOEXEC */);
  if (file < 0) return -1;
  if (count > 0 && write(file, bytes, count) != (ssize_t)count) {
    close(file);
    return -1;
  }
  lseek(file, 0, SEEK_SET);
  return file;
}

// Starts a command in a process group of its own with `input` as standard input and two variables as its environment.
// `*output` is the end of a pipe from its standard output, which does not block; standard error stays this program's,
// and no other descriptor.
static inline __attribute__((noinline)) pid_t nbiot_start_request(
    const char *path, const char *first, const char *second, int input, int *output, int *code) {
  char *const arguments[] = {(char *)path, NULL};
  char *const environment[] = {(char *)first, (char *)second, NULL};
  union nbiot_signal_set none;
  volatile int failure = 0;
  int ends[2];
  pid_t child;
  none.bits = 0;
  *output = -1;
  if (pipe2(ends, O_CLOEXEC) != 0) {
    *code = errno;
    return -1;
  }
  child = vfork();
  if (child == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (dup2(input, 0) == 0 && dup2(ends[1], 1) == 1) {
      nbiot_close_others(7);
      sigprocmask(SIG_SETMASK, &none.set, NULL);
      execve(arguments[0], arguments, environment);
    }
    failure = errno;
    _exit(127);
  }
  if (child < 0) failure = errno;
  close(ends[1]);
  if (failure == 0) fcntl(ends[0], F_SETFL, O_NONBLOCK);
  if (failure == 0)
    *output = ends[0];
  else
    close(ends[0]);
  *code = failure;
  return child;
}

// The status of a child that has ended, as `waitpid` has it; -1 while it runs.
static inline int nbiot_status(pid_t child) {
  int status;
  return waitpid(child, &status, WNOHANG) == child ? status : -1;
}

// The state that a program passes to its replacement, followed by input that was read but not processed.
struct nbiot_legacy {
  unsigned long long line;
  unsigned flags;
};

// Runs this program again with its arguments and one or two more. With `--check` it waits for the result and returns
// whether the check passed; the check prints its own errors. With `--rest N` the new program replaces this process,
// and reads the state and the rest of the input from that descriptor, the only one besides the standard ones.
static inline __attribute__((noinline)) int nbiot_run_again(
    char *const *arguments, size_t argument_count, const struct nbiot_legacy *legacy,
    const void *rest, size_t count) {
  char *list[16];
  char number[2];
  int ends[2];
  volatile int code;
  int status;
  pid_t child;
  // The few options are never repeated that often.
  if (argument_count > 12) return 0;
  memset(list, 0, sizeof list);
  memcpy(list, arguments, argument_count * sizeof *list);
  if (legacy) {
    // What a library has open would stay open for good. After that the next number has one digit.
    nbiot_close_others(7);
    // The socket buffer can hold both.
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 0;
    write(ends[1], legacy, sizeof *legacy);
    write(ends[1], rest, count);
    close(ends[1]);
    number[0] = (char)('0' + ends[0]);
    number[1] = 0;
    list[argument_count] = (char *)"--rest";
    list[argument_count + 1] = number;
    execvp(list[0], list);
    return 0;
  }
  list[argument_count] = (char *)"--check";
  child = nbiot_start(list, 4, &code);
  if (child < 0) return 0;
  status = nbiot_ends(child, 10000);
  if (status < 0) kill(child, SIGKILL);
  return code == 0 && status == 0;
}

// Runs this program again in place of this process, with any amount of input that was read: it is in a file without a
// name, from whose start the new program reads.
static inline __attribute__((noinline)) void nbiot_run_on(
    char *const *arguments, size_t argument_count, const struct nbiot_legacy *legacy,
    const void *rest, size_t count) {
  char *list[16];
  char number[2];
  int file;
  if (argument_count > 12) return;
  memset(list, 0, sizeof list);
  memcpy(list, arguments, argument_count * sizeof *list);
  nbiot_close_others(7);
  file = memfd_create("rest", 0);
  // Without it the lines that were read would be lost.
  if (file < 0 || file > 9 || write(file, legacy, sizeof *legacy) != (ssize_t)sizeof *legacy ||
      write(file, rest, count) != (ssize_t)count || lseek(file, 0, SEEK_SET) != 0)
    return;
  number[0] = (char)('0' + file);
  number[1] = 0;
  list[argument_count] = (char *)"--rest";
  list[argument_count + 1] = number;
  execvp(list[0], list);
}

// Reads the state and the bytes that follow it; returns the number of the latter.
static inline size_t nbiot_inherit(
    int descriptor, struct nbiot_legacy *legacy, void *rest, size_t count) {
  ssize_t length = 0;
  if (read(descriptor, legacy, sizeof *legacy) == sizeof *legacy)
    length = read(descriptor, rest, count);
  close(descriptor);
  return length > 0 ? (size_t)length : 0;
}

#pragma clang attribute pop

#endif
