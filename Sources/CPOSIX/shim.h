// The POSIX calls that the device makes; `import Glibc` does not exist in the Embedded build.
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

// glibc has it only for who asks for all extensions; the same number on x86 and Arm.
#ifndef O_PATH
#define O_PATH 010000000
#endif

// errno is a macro over a function call, which Swift does not import.
static inline int nbiot_errno(void) { return errno; }

// The name of an error and what it means, as in "ENOSPC" and "No space left on device" (glibc 2.32); NULL for a
// number that is none. glibc declares them only to programs that ask for all extensions.
extern const char *strerrorname_np(int);
extern const char *strerrordesc_np(int);

// open and openat take a varying number of arguments, which Swift does not import.
static inline int nbiot_open_directory(int base, const char *path) {
  return openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// Opens those of the three standard descriptors that are closed: a file would take the place of one, and what is
// printed or logged would be written into it. Standard output is then one that cannot be written, so that results
// which nobody gets are no success.
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

// The process's memory holds a secret: it goes into no core file, and no other process of the user reads it.
static inline void nbiot_forbid_core(void) {
  struct rlimit none = {0, 0};
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  setrlimit(RLIMIT_CORE, &none);
}

// Has the signals of a crash, and SIGQUIT, end the process as the system does. A Swift runtime that prints a backtrace
// has taken them before `main`: it prints registers and memory, and goes on after SIGQUIT. One that the parent wants
// ignored stays so.
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

// A number that nobody can guess.
static inline unsigned long long nbiot_random(void) {
  unsigned long long number = 0;
  while (getrandom(&number, sizeof number, 0) < 0 && errno == EINTR) {
  }
  return number;
}

// A number for this start of the machine, other than 0: made of the text that the kernel has for it (FNV-1a); one
// of this process alone where there is none.
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

// Whether the calendar's clock is synchronised; nothing is changed.
static inline int nbiot_is_synchronised(void) {
  struct timex clock;
  memset(&clock, 0, sizeof clock);
  return adjtimex(&clock) >= 0 && !(clock.status & STA_UNSYNC);
}

// A set of signals as Linux has it, the first as the lowest bit. A sigset_t has room for more, which no call
// hands to the kernel.
union nbiot_signal_set {
  unsigned long long bits;
  sigset_t set;
};

// The addresses of a server, in the order in which they are to be tried (RFC 6724), or why there are none. One of
// IPv4 takes the start of its place, and a port stands at the same offset in both families.
enum { nbiot_most_addresses = 8 };
struct nbiot_addresses {
  // getaddrinfo's answer.
  int code;
  int count;
  struct sockaddr_in6 list[nbiot_most_addresses];
};

// Blocks for as long as a query takes, unless the flags allow only digits.
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

// A name with a dot at its end is absolute: the domains that the system would search are left out (for this thread
// alone), and the dot is, because /etc/hosts has none. `count` is the name's length.
static inline void nbiot_find_name(char *host, size_t count, struct nbiot_addresses *found) {
  if (count > 1 && host[count - 1] == '.') {
    host[count - 1] = 0;
    if (res_init() == 0) _res.options &= ~(RES_DEFNAMES | RES_DNSRCH);
  }
  nbiot_find_addresses(host, 0, found);
}

// Takes a name from its end of a socket pair and gives the addresses back.
static inline void *nbiot_look_up(void *argument) {
  int descriptor = (int)(intptr_t)argument;
  struct nbiot_addresses found;
  char host[256];
  ssize_t count = read(descriptor, host, sizeof host - 1);
  if (count > 0) {
    host[count] = 0;
    nbiot_find_name(host, (size_t)count, &found);
    // Where nobody reads any more, SIGPIPE is blocked in this thread.
    if (write(descriptor, &found, sizeof found) < 0) found.count = 0;
  }
  close(descriptor);
  return NULL;
}

// Looks up a host's name of so many bytes, at most 255, in a thread of its own, which takes no signals and ends by
// itself with the query: a descriptor that becomes readable then. -1 when the answer is in `found` at once: an
// address in digits, or no thread.
static inline int nbiot_start_lookup(const char *host, size_t count, struct nbiot_addresses *found) {
  union nbiot_signal_set all;
  sigset_t before;
  pthread_t thread;
  int pair[2];
  int code;
  nbiot_find_addresses(host, AI_NUMERICHOST, found);
  if (found->code != EAI_NONAME) return -1;
  found->code = EAI_SYSTEM;
  // Packets, so that each side reads what the other wrote at once.
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

// Whether a lookup is over: then its descriptor is closed, and the answer in `found`.
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

// Moves an address to the front, if it is among the others.
static inline void nbiot_prefer_address(struct nbiot_addresses *list, const struct sockaddr_in6 *known) {
  int index;
  for (index = 1; index < list->count; index++) {
    // The family, an IPv4 address, and one of IPv6 with its scope: word by word, without another function to import.
    const uint32_t *left = (const uint32_t *)&list->list[index], *right = (const uint32_t *)known;
    if (left[0] != right[0] || left[1] != right[1] || left[2] != right[2] || left[3] != right[3] ||
        left[4] != right[4] || left[5] != right[5] || left[6] != right[6])
      continue;
    memmove(&list->list[1], &list->list[0], (size_t)index * sizeof *known);
    list->list[0] = *known;
    return;
  }
}

// A UDP socket that is connected to one of the addresses; -1 with errno set.
//
// Routers may fragment what it sends over IPv4 (RFC 7252 Section 4.6 counts on a path of 1,280 bytes, which IPv4
// does not promise): discovery of the path's MTU would lose a datagram for each narrower link, and all of them
// where a firewall drops the ICMP messages that tell of it. IPv6 leaves fragmenting to the sender, who needs them.
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

// Adds the first address of another list.
static inline void nbiot_add_address(const struct nbiot_addresses *from, struct nbiot_addresses *to) {
  if (from->count > 0 && to->count < nbiot_most_addresses) to->list[to->count++] = from->list[0];
}

// An address in digits, with a zero byte at its end.
static inline void nbiot_address_text(
    const struct nbiot_addresses *list, int index, char *text, size_t count) {
  const struct sockaddr_in6 *address = &list->list[index];
  socklen_t length = address->sin6_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof *address;
  if (getnameinfo((const struct sockaddr *)address, length, text, (socklen_t)count, NULL, 0, NI_NUMERICHOST) != 0)
    text[0] = 0;
}

// Never to wait for the other end of a pipe, and no terminal becomes this process's own.
static inline int nbiot_open_input(const char *path) {
  return openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

// The mode of a regular file; 0 for any other kind.
static inline unsigned nbiot_regular_mode(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) ? status.st_mode : 0;
}

// The mode of the file at a path, and which it is; 0 for none. A link is followed unless `flags` has O_NOFOLLOW;
// nothing is opened but to look at it (Linux 3.6 or later).
static inline __attribute__((noinline)) mode_t nbiot_look(
    const char *path, int flags, struct stat *found) {
  int file = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC | flags);
  int code = fstat(file, found);
  close(file);
  return code == 0 ? found->st_mode : 0;
}

// Whether there is a program at a path that can be run.
static inline int nbiot_is_command(const char *path) {
  struct stat status;
  mode_t mode = nbiot_look(path, 0, &status);
  return S_ISREG(mode) && (mode & 0111) != 0;
}

// The number of a group, which may be given by name; -1 when there is none.
static inline gid_t nbiot_find_group(const char *name) {
  char *end;
  unsigned long number = strtoul(name, &end, 10);
  const struct group *group;
  if (*end == 0) return number < (gid_t)-1 ? (gid_t)number : (gid_t)-1;
  group = getgrnam(name);
  return group != NULL ? group->gr_gid : (gid_t)-1;
}

// A datagram socket at a path, of so many bytes with the zero byte at its end, with that mode and group, the
// process's own where it is -1; nobody else can use it before. One that refuses, because whoever made it has gone, is replaced; any other file, and a socket
// that somebody has, of whatever type, is not. -1 with errno set when that cannot be.
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

// Sends a datagram to the socket at a path, of so many bytes with the zero byte at its end, and waits for its
// answer, so many seconds for each: the answer's length, or -1 with errno set, which is EAGAIN when the time
// was over. Who has the socket may be about to start: for five seconds it is looked for. The sender's name is one
// that the system makes up, and no file.
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
  if (code == 0 && send(descriptor, bytes, length, MSG_NOSIGNAL) >= 0) {
    received = recv(descriptor, answer, room, 0);
    // It lies in the socket, and may yet be read.
    errno = ETIMEDOUT;
  }
  code = errno;
  close(descriptor);
  errno = code;
  return received;
}

// Why no socket can be made at a path, of so many bytes with the zero byte at its end: an error's number, or 0.
static inline int nbiot_check_unix(const char *path, size_t count) {
  char folder[sizeof(((struct sockaddr_un *)0)->sun_path) + 2] = ".";
  struct stat status;
  mode_t mode = nbiot_look(path, O_NOFOLLOW, &status);
  if (count > sizeof folder - 2) return ENAMETOOLONG;
  if (mode != 0) return S_ISSOCK(mode) ? 0 : EADDRINUSE;
  // The path up to its last slash, or this directory.
  while (count > 0 && path[count - 1] != '/') count--;
  if (count > 0) memcpy(folder, path, count);
  return S_ISDIR(nbiot_look(folder, 0, &status)) ? 0 : ENOENT;
}

// Who has sent a datagram: an address, and a zero byte for the end of its name. Of no bytes for nobody.
struct nbiot_sender {
  struct sockaddr_un address;
  char end;
  socklen_t count;
};

// The length of the next datagram, which may be more than there is room for; -1 when there is none.
static inline ssize_t nbiot_receive_unix(
    int descriptor, void *room, size_t count, struct nbiot_sender *sender) {
  ssize_t length;
  sender->count = sizeof sender->address;
  length = recvfrom(
      descriptor, room, count, MSG_TRUNC, (struct sockaddr *)&sender->address, &sender->count);
  // A name that fills its place is told with one byte more.
  if (sender->count > sizeof sender->address) sender->count = sizeof sender->address;
  ((char *)sender)[sender->count] = 0;
  return length;
}

// To a sender without a name nothing is sent, and nothing to the socket itself, by whatever link: each answer
// would be answered. An abstract name begins with a zero byte, and names no file.
static inline void nbiot_reply_unix(
    int descriptor, const void *bytes, size_t count, const struct nbiot_sender *to,
    const struct stat *own) {
  struct stat other;
  if (to->count <= sizeof(sa_family_t)) return;
  if (nbiot_look(to->address.sun_path, 0, &other) != 0 && other.st_ino == own->st_ino &&
      other.st_dev == own->st_dev)
    return;
  sendto(
      descriptor, bytes, count, MSG_NOSIGNAL, (const struct sockaddr *)&to->address, to->count);
}

static inline void nbiot_end(int signal) {
  (void)signal;
  _exit(0);
}

// Lets SIGTERM and SIGINT end the process with 0, at any instant, until `nbiot_signals` holds them back: what
// is on the disk is good at any instant. The others wait.
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

// SIGTERM, SIGINT, SIGHUP and SIGUSR1 as a descriptor. SIGPIPE and SIGXFSZ are only held back: who writes to nobody, or
// more than is allowed, learns that from the call that writes.
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

// Writes a line, once the reader of a pipe takes it. While it does not, SIGTERM and SIGINT end the process at once.
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

// exit, without its promise not to return: Swift destroys what a scope owns before a call that makes it.
static inline void nbiot_exit(int status) { exit(status); }

// Starts a program with its arguments, in a process group of its own, with /dev/null as standard input and output
// and, unless it keeps the errors' descriptor, as standard error. `*code` is the error when it cannot be run.
//
// vfork lends the child this memory until it runs the program, or has failed to, and so the code comes back: the
// only handler of signals ends the child at once. (An emulator that makes a fork of it tells of no failure.) The
// child takes every signal again, which this process holds back, and ends with this process.
static inline __attribute__((noinline)) pid_t nbiot_start(
    char *const *arguments, int is_agent, volatile int *code) {
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
  close(0);
  close(1);
  if (!is_agent) close(2);
  do output = openat(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY);
  while (output >= 0 && output < (is_agent ? 1 : 2));
  sigprocmask(SIG_SETMASK, &none.set, NULL);
  if (is_agent)
    execvp(arguments[0], arguments);
  else
    execve(arguments[0], arguments, arguments + 2);
  *code = errno;
  _exit(127);
}

// What a child ends with within so many milliseconds; -1 when it does not.
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

// What one program leaves to the one that takes its place, before the input that it has read and not taken.
struct nbiot_legacy {
  unsigned long long line;
  unsigned flags;
};

// Runs this program once more, with its arguments and one or two more: `--check`, for which it is waited, or, in
// place of this process, `--rest NN`: a descriptor to read a legacy and the rest of an input from. Says whether
// the check went well; it complains itself.
static inline __attribute__((noinline)) int nbiot_run_again(
    char *const *arguments, size_t argument_count, const struct nbiot_legacy *legacy,
    const void *rest, size_t count) {
  char *list[16];
  char number[3];
  int ends[2];
  volatile int code;
  int status;
  pid_t child;
  // Nobody gives the few options so often.
  if (argument_count > 12) return 0;
  memset(list, 0, sizeof list);
  memcpy(list, arguments, argument_count * sizeof *list);
  if (legacy) {
    // A pipe has room for both.
    if (pipe(ends) != 0 || ends[0] > 99) return 0;
    write(ends[1], legacy, sizeof *legacy);
    write(ends[1], rest, count);
    close(ends[1]);
    number[0] = (char)('0' + ends[0] / 10);
    number[1] = (char)('0' + ends[0] % 10);
    number[2] = 0;
    list[argument_count] = (char *)"--rest";
    list[argument_count + 1] = number;
    execvp(list[0], list);
    return 0;
  }
  list[argument_count] = (char *)"--check";
  child = nbiot_start(list, 1, &code);
  if (child < 0) return 0;
  status = nbiot_ends(child, 10000);
  if (status < 0) kill(child, SIGKILL);
  return code == 0 && status == 0;
}

// Reads a legacy and what follows it; the count of the latter.
static inline size_t nbiot_inherit(
    int descriptor, struct nbiot_legacy *legacy, void *rest, size_t count) {
  ssize_t length = 0;
  if (read(descriptor, legacy, sizeof *legacy) == sizeof *legacy)
    length = read(descriptor, rest, count);
  close(descriptor);
  return length > 0 ? (size_t)length : 0;
}

#endif
