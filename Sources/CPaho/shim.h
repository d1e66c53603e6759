// SPDX-License-Identifier: Apache-2.0
// Eclipse Paho's asynchronous client with TLS, and what a bridge from its threads needs of POSIX: its structures are
// filled in here, because their initialisers are macros, which Swift does not import.
#ifndef NBIOT_CPAHO_SHIM_H
#define NBIOT_CPAHO_SHIM_H

#include <MQTTAsync.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// glibc declares these only to programs that ask for more than POSIX.
extern int memfd_create(const char *, unsigned int);
extern long syscall(long, ...);

// What the library has allocated, in all of its connections: exported, and declared in no header that is installed.
struct nbiot_paho_heap {
  size_t current, most;
};
extern struct nbiot_paho_heap *Heap_get_info(void);

static inline size_t nbiot_paho_memory(void) {
  const struct nbiot_paho_heap *heap = Heap_get_info();
  return heap ? *(const volatile size_t *)&heap->current : 0;
}

// How much memory the library may have, in all of its connections; 0 while there is none.
__attribute__((weak)) volatile size_t nbiot_paho_allowance = 0;

// How many of the library's locks a thread has; a worker has one more, so that it never waits below.
__attribute__((weak, tls_model("initial-exec"))) __thread int nbiot_paho_locks = 0;

// Whether the functions below stand in the place of the library's and the system's at all: not where the library is linked
// statically, nor in a shared object that keeps them to itself.
__attribute__((weak)) volatile int nbiot_paho_stands = 0;

static inline int nbiot_paho_is_standing(void) { return nbiot_paho_stands; }

// The library takes and leaves its locks through functions that it exports: these stand in their place, where it is
// linked dynamically. Its receiving thread takes one between two reads, while it has none. There it waits for as long as
// the library has too much memory, for a worker that looks each second and ends the connection; without that, what a
// server announces would be filled meanwhile, up to 256 MB. If no worker comes it goes on, slowly.
__attribute__((weak)) int Thread_lock_mutex(pthread_mutex_t *mutex) {
  int patience = nbiot_paho_locks || !nbiot_paho_allowance ? 0 : 150, code;
  for (; patience > 0 && nbiot_paho_memory() > nbiot_paho_allowance; patience--) poll(NULL, 0, 10);
  code = pthread_mutex_lock(mutex);
  nbiot_paho_stands = 1;
  nbiot_paho_locks += code == 0;
  return code;
}

__attribute__((weak)) int Thread_unlock_mutex(pthread_mutex_t *mutex) {
  int code = pthread_mutex_unlock(mutex);
  nbiot_paho_locks -= code == 0;
  return code;
}

typedef int nbiot_lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

// What looks names up in place of the system, in a test.
__attribute__((weak)) nbiot_lookup *nbiot_paho_lookup = NULL;
static inline void nbiot_paho_look_up_by(nbiot_lookup *lookup) { nbiot_paho_lookup = lookup; }

static inline int nbiot_paho_system_lookup(
    const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  nbiot_lookup *system = (nbiot_lookup *)dlsym((void *)-1 /* RTLD_NEXT */, "getaddrinfo");
  return system ? system(name, service, hints, found) : EAI_FAIL;
}

// Which of its server's addresses a channel is to be given next, and how many there were at its last lookup.
struct nbiot_paho_turn {
  unsigned turn, count;
};

// Whose turn the next lookup of the library is; it takes it.
__attribute__((weak)) struct nbiot_paho_turn *nbiot_paho_asker = NULL;

static inline void nbiot_paho_ask(struct nbiot_paho_turn *turn) {
  __atomic_store_n(&nbiot_paho_asker, turn, __ATOMIC_RELEASE);
}

// The library looks a name up with its lock held, takes the first IPv4 address, and takes none from its caller: this
// stands in the place of the system's function, and gives it one address at a time, those of IPv4 first. The name remains
// what the server's certificate is checked for. Other callers get what the system says.
__attribute__((weak)) int getaddrinfo(
    const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  struct addrinfo *list, *one, **place;
  struct nbiot_paho_turn *asker;
  unsigned count = 0, wanted = 0;
  int code, is_later, locks = nbiot_paho_locks, is_own = name && locks;
  // Taken before the lookup, so that nobody waits for that.
  asker = is_own ? __atomic_exchange_n(&nbiot_paho_asker, NULL, __ATOMIC_ACQ_REL) : NULL;
  // The system's modules for names have sockets of their own, which are not the library's.
  nbiot_paho_locks = 0;
  code = (nbiot_paho_lookup ? nbiot_paho_lookup : nbiot_paho_system_lookup)(name, service, hints, found);
  nbiot_paho_locks = locks;
  if (!is_own) return code;
  if (code) *found = NULL;
  list = *found;
  for (one = list; one; one = one->ai_next) count++;
  if (asker) {
    asker->count = count;
    if (count) wanted = asker->turn %= count;
  }
  for (is_later = 0; is_later < 2; is_later++)
    for (place = &list; *place; place = &(*place)->ai_next) {
      one = *place;
      if ((one->ai_family != AF_INET) != is_later || wanted--) continue;
      *place = one->ai_next;
      one->ai_next = NULL;
      *found = one;
      if (list) freeaddrinfo(list);
      return code;
    }
  return code;
}

// Who hears of the next socket that the library connects, once: a channel that counts its bytes waits for that, one at a
// time, and the library connects one at a time, with its lock held.
typedef void nbiot_paho_opening(void *, int);
__attribute__((weak)) nbiot_paho_opening *volatile nbiot_paho_opened = NULL;
__attribute__((weak)) void *nbiot_paho_opened_for = NULL;
__attribute__((weak)) pthread_mutex_t nbiot_paho_opening_lock = PTHREAD_MUTEX_INITIALIZER;

// Stands in the place of the system's function only in programs that count, and does what that does: it has a socket of
// the library's told of. Its name in C is another one, because the importer would emit it wherever `connect` is called.
// It allocates nothing and looks nothing up, as `connect` may be called after `fork`.
extern int __connect(int, const struct sockaddr *, socklen_t);
int nbiot_paho_stand_in_connect(int, const struct sockaddr *, socklen_t) __asm__("connect");
__attribute__((weak)) int nbiot_paho_stand_in_connect(int descriptor, const struct sockaddr *address, socklen_t length) {
  int code = __connect(descriptor, address, length), error = errno;
  if (!nbiot_paho_locks || !nbiot_paho_opened || address->sa_family == AF_UNIX) return code;
  pthread_mutex_lock(&nbiot_paho_opening_lock);
  if (nbiot_paho_opened) nbiot_paho_opened(nbiot_paho_opened_for, descriptor);
  nbiot_paho_opened = NULL;
  pthread_mutex_unlock(&nbiot_paho_opening_lock);
  errno = error;
  return code;
}

// Has the library's next socket told of, or, with NULL, none.
static inline void nbiot_paho_expect(nbiot_paho_opening *opened, void *context) {
  // Names the function above, as below.
  int (*volatile connecting)(int, const struct sockaddr *, socklen_t) = nbiot_paho_stand_in_connect;
  (void)connecting;
  pthread_mutex_lock(&nbiot_paho_opening_lock);
  nbiot_paho_opened = opened;
  nbiot_paho_opened_for = context;
  pthread_mutex_unlock(&nbiot_paho_opening_lock);
}

// Whether it has not come yet.
static inline int nbiot_paho_is_expecting(void) { return nbiot_paho_opened != NULL; }

// Waits, a second at most, until the library begins to look its server's name up. Only one channel at a time is here: with
// two, a lookup could take the other one's turn.
static inline void nbiot_paho_await_lookup(void) {
  int left = nbiot_paho_stands ? 1000 : 0;
  for (; left > 0 && __atomic_load_n(&nbiot_paho_asker, __ATOMIC_ACQUIRE); left--) poll(NULL, 0, 1);
}

// The number of the library's newest socket.
__attribute__((weak)) int nbiot_paho_newest = 0;

// The library's receiving thread finds a connection by the number of its socket, at which it saw the end, after it has let
// go of its lock: it would end another connection that has got that number meanwhile, as the system gives the lowest one.
// This stands in the place of the system's function, and gives the library, which calls it with its lock held, the next
// number after that of the socket before; numbers start anew 1,023 above the lowest free one, or where the process may have
// no higher one. Its name in C is another one, as that of `connect` is.
int nbiot_paho_stand_in_socket(int, int, int) __asm__("socket");
__attribute__((weak)) int nbiot_paho_stand_in_socket(int domain, int type, int protocol) {
  int lowest = (int)syscall(SYS_socket, domain, type, protocol), descriptor;
  if (lowest < 0 || !nbiot_paho_locks) return lowest;
  descriptor = fcntl(lowest, F_DUPFD_CLOEXEC, (nbiot_paho_newest > lowest ? nbiot_paho_newest : lowest) + 1);
  nbiot_paho_newest = descriptor - lowest < 1023 ? descriptor : 0;
  if (descriptor < 0) {
    nbiot_paho_newest = lowest;
    return lowest;
  }
  close(lowest);
  return descriptor;
}

// Begins a worker. Names the functions above, so that the importer emits them: nothing else refers to them.
static inline void nbiot_paho_enter(void) {
  void *const volatile all[] = {
    (void *)Thread_lock_mutex, (void *)Thread_unlock_mutex, (void *)getaddrinfo,
  };
  nbiot_paho_locks = all[0] != NULL;
}

// Besides, in a program that may have several connections at once. One with a single connection does not need it: with
// its last client the library stops its threads, before there is another one.
static inline void nbiot_paho_enter_several(void) {
  int (*const volatile other)(int, int, int) = nbiot_paho_stand_in_socket;
  (void)other;
}

static inline void nbiot_paho_allow(size_t memory) { nbiot_paho_allowance = memory; }

// Has OpenSSL check the server's name in the handshake, before the library does so once more by laxer rules: a common
// name never counts (RFC 9525 Section 6.3). `judge` hears of each certificate. Called when the handshake starts.
static inline void nbiot_tls_start(void *connection, SSL_verify_cb judge) {
  SSL *tls = connection;
  const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
  X509_VERIFY_PARAM *rules = SSL_get0_param(tls);
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  // Where neither is taken the library's own check remains.
  if (name && X509_VERIFY_PARAM_set1_ip_asc(rules, name) != 1) X509_VERIFY_PARAM_set1_host(rules, name, 0);
  SSL_set_verify(tls, SSL_VERIFY_PEER, judge);
}

// OpenSSL initialises itself since 1.1.0; the library is not to do it. The steps that it traces, a line for each
// packet, say why a connection fails and how one ends, which nothing else does. It gives nobody its TLS connections: of
// each one that is made, by whomever, OpenSSL tells `made`, on the thread that makes it.
static inline void nbiot_paho_start(MQTTAsync_traceCallback *trace, CRYPTO_EX_new *made) {
  MQTTAsync_init_options options = MQTTAsync_init_options_initializer;
  MQTTAsync_global_init(&options);
  SSL_get_ex_new_index(0, NULL, made, NULL, NULL);
  MQTTAsync_setTraceCallback(trace);
  MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_PROTOCOL);
}

// What a line of the library's trace tells, as far as it matters here.
enum nbiot_paho_lines {
  nbiot_line_other,
  nbiot_line_disconnect,
  nbiot_line_connect,
  nbiot_line_upgraded,
  nbiot_line_malformed,
  nbiot_line_tls_closed,
  // PINGREQ found no answer, or could not be sent.
  nbiot_line_silent,
  nbiot_line_handshake,
  nbiot_line_old_version,
};

static inline enum nbiot_paho_lines nbiot_paho_line(const char *trace) {
  const char *word =
      "-> DISCONNECT\0-> CONNECT\0connection upgraded\0Bad MQTT packet\0read:warning:close notify\0disconnecting\0"
      "SSL handshake started\0fatal:protocol version\0";
  unsigned blanks = 0;
  const char *rest = trace;
  int place = 1;
  // A message's line has the message's own first bytes.
  for (; *rest && blanks < 4; rest++) blanks += *rest == ' ';
  if (strncmp(rest, "-> PUBLISH", 10) == 0 || strncmp(rest, "<- PUBLISH", 10) == 0) return nbiot_line_other;
  for (; *word; word += strlen(word) + 1, place++)
    if (strstr(trace, word)) return (enum nbiot_paho_lines)place;
  return nbiot_line_other;
}

// The socket of a packet, from what the library says of it, "DATE TIME SOCKET CLIENT -> CONNECT ...": nothing else names
// it.
static __attribute__((noinline)) int nbiot_paho_socket(const char *trace) {
  unsigned blanks = 0, descriptor = 0;
  for (; *trace && blanks < 2; trace++) blanks += *trace == ' ';
  for (; *trace >= '0' && *trace <= '9'; trace++) descriptor = 10 * descriptor + (unsigned)(*trace - '0');
  return (int)descriptor;
}

// What a line of the trace tells besides, where bytes are counted. A line of a packet is told by its beginning, for that of
// a message has the message's own.
enum nbiot_paho_counted { nbiot_counted_other, nbiot_counted_shaken, nbiot_counted_ping, nbiot_counted_pong };

static inline enum nbiot_paho_counted nbiot_paho_counted_line(const char *trace) {
  unsigned blanks = 0;
  for (; *trace && blanks < 2; trace++) blanks += *trace == ' ';
  if (strncmp(trace, "SSL handshake done", 18) == 0) return nbiot_counted_shaken;
  for (; *trace && blanks < 4; trace++) blanks += *trace == ' ';
  if (strncmp(trace, "-> PINGREQ (0)", 14) == 0) return nbiot_counted_ping;
  return strncmp(trace, "<- PINGRESP", 11) == 0 ? nbiot_counted_pong : nbiot_counted_other;
}

// Which sockets are WebSockets, by descriptor; those 1,024 apart share a place.
__attribute__((weak)) char nbiot_paho_web_sockets[1024] = {0};

// Has small packets go out at once: else an answer behind a PUBACK waits for the server's delayed acknowledgement of TCP,
// 40 ms. And has the system hold 256 KB of what comes, because the library takes all of it with one read.
// Whether it is a WebSocket is kept for `nbiot_paho_is_ended`.
static inline void nbiot_paho_prepare(const char *trace, int is_web_socket) {
  int descriptor = nbiot_paho_socket(trace), yes = 1, room = 128 * 1024;
  nbiot_paho_web_sockets[descriptor & 1023] = (char)is_web_socket;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
}

// Whether the peer has ended the connection of the trace of a DISCONNECT, or it is broken. Over TCP and TLS that is so at
// once: an end that comes later is the answer to the DISCONNECT. The close of a WebSocket is said in a frame, and that of
// TCP follows as soon as it is answered: it is waited for, half a second.
static inline int nbiot_paho_is_ended(const char *trace) {
  struct pollfd entry = {nbiot_paho_socket(trace), 0x2000 /* POLLRDHUP */, 0};
  return poll(&entry, 1, nbiot_paho_web_sockets[entry.fd & 1023] ? 500 : 0) != 0;
}

static inline int nbiot_paho_create(
    MQTTAsync *handle, const char *uri, const char *client_id, int version, void *context,
    MQTTAsync_connectionLost *lost, MQTTAsync_messageArrived *arrived, MQTTAsync_deliveryComplete *acknowledged) {
  MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
  struct sigaction pipe;
  int code;
  options.MQTTVersion = version;
  options.maxBufferedMessages = 128;
  // The first client makes the whole program ignore SIGPIPE, and every program that it starts. All threads that write to
  // the connection are the caller's own or of its making, where signals are blocked: see nbiot_paho_thread.
  sigaction(SIGPIPE, NULL, &pipe);
  code = MQTTAsync_createWithOptions(
      handle, uri, client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
  sigaction(SIGPIPE, &pipe, NULL);
  if (code == MQTTASYNC_SUCCESS) code = MQTTAsync_setCallbacks(*handle, context, lost, arrived, acknowledged);
  return code;
}

// Certificate and name are verified against the authorities of that file and no others, with TLS 1.2 or later. The
// library would lower OpenSSL's level of security to 1, and offer suites without a certificate: the list undoes both.
static inline int nbiot_paho_connect(
    MQTTAsync handle, const char *user, const char *password, int keep_alive, int is_clean,
    int version, int timeout, const char *authorities, void *context,
    MQTTAsync_onSuccess *succeeded, MQTTAsync_onFailure *failed,
    int (*tls_failed)(const char *, size_t, void *)) {
  MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
  MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
  options.keepAliveInterval = keep_alive;
  options.cleansession = is_clean;
  options.maxInflight = 64;
  options.username = user;
  options.password = password;
  options.connectTimeout = timeout;
  options.MQTTVersion = version;
  options.context = context;
  options.onSuccess = succeeded;
  options.onFailure = failed;
  if (authorities) {
    tls.trustStore = authorities;
    tls.disableDefaultTrustStore = 1;
    tls.enableServerCertAuth = 1;
    tls.verify = 1;
    tls.sslVersion = MQTT_SSL_VERSION_TLS_1_2;
    tls.enabledCipherSuites = "DEFAULT:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=2";
    tls.ssl_error_cb = tls_failed;
    tls.ssl_error_context = context;
    options.ssl = &tls;
  }
  return MQTTAsync_connect(handle, &options);
}

static inline int nbiot_paho_publish(
    MQTTAsync handle, const char *topic, const void *payload, int count, int quality, void *context,
    MQTTAsync_onSuccess *succeeded, MQTTAsync_onFailure *failed) {
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  options.context = context;
  options.onSuccess = succeeded;
  options.onFailure = failed;
  return MQTTAsync_send(handle, topic, count, payload, quality, 0, &options);
}

static inline int nbiot_paho_subscribe(
    MQTTAsync handle, const char *filter, int quality, void *context,
    MQTTAsync_onSuccess *succeeded, MQTTAsync_onFailure *failed) {
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  options.context = context;
  options.onSuccess = succeeded;
  options.onFailure = failed;
  return MQTTAsync_subscribe(handle, filter, quality, &options);
}

// The first filter, and as many more as there are in `count` bytes, each with a zero byte at its end; 16 in all. One is
// enough to be refused: the callback has the quality that is the worst.
static inline int nbiot_paho_subscribe_all(
    MQTTAsync handle, const char *filter, const char *others, size_t count, int quality, void *context,
    MQTTAsync_onSuccess *succeeded, MQTTAsync_onFailure *failed) {
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  char *filters[16] = {(char *)filter};
  int qualities[16] = {quality}, number = 1;
  for (const char *next = others; next < others + count; next += strlen(next) + 1) {
    if (number == 16) return MQTTASYNC_FAILURE;
    filters[number] = (char *)next;
    qualities[number++] = quality;
  }
  options.context = context;
  options.onSuccess = succeeded;
  options.onFailure = failed;
  return MQTTAsync_subscribeMany(handle, number, filters, qualities, &options);
}

static inline int nbiot_paho_unsubscribe(
    MQTTAsync handle, const char *filter, void *context, MQTTAsync_onSuccess *succeeded,
    MQTTAsync_onFailure *failed) {
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  options.context = context;
  options.onSuccess = succeeded;
  options.onFailure = failed;
  return MQTTAsync_unsubscribe(handle, filter, &options);
}

// What waits to be sent is sent first, and what waits for its acknowledgement is waited for, for so many milliseconds.
static inline int nbiot_paho_disconnect(
    MQTTAsync handle, int timeout, void *context, MQTTAsync_onSuccess *succeeded,
    MQTTAsync_onFailure *failed) {
  MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
  options.timeout = timeout;
  options.context = context;
  options.onSuccess = succeeded;
  options.onFailure = failed;
  return MQTTAsync_disconnect(handle, &options);
}

// errno is a macro over a function call, which Swift does not import.
static inline int nbiot_paho_errno(void) { return errno; }

// A file without a name that holds those bytes; -1 with errno set.
static inline int nbiot_paho_file(const void *bytes, size_t count) {
  int file = memfd_create("nbiot-authorities", 1 /* MFD_CLOEXEC */);
  if (file >= 0 && write(file, bytes, count) != (ssize_t)count) {
    close(file);
    return -1;
  }
  return file;
}

static inline int nbiot_paho_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

// A condition whose waits are measured by the monotonic clock.
static inline void nbiot_paho_condition(pthread_cond_t *condition) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &attributes);
  pthread_condattr_destroy(&attributes);
}

// Waits for the condition, until `tick` at most; 0 when it may have come about. Else `tick` is a second from now.
static inline int nbiot_paho_tick(pthread_cond_t *condition, pthread_mutex_t *mutex, struct timespec *tick) {
  int code = pthread_cond_timedwait(condition, mutex, tick);
  if (code) {
    clock_gettime(CLOCK_MONOTONIC, tick);
    tick->tv_sec++;
  }
  return code;
}

// Waits for the condition, for so many milliseconds at most; 0 when it may have come about.
static inline int nbiot_paho_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int milliseconds) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += milliseconds / 1000;
  until.tv_nsec += milliseconds % 1000 * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000L;
  }
  return pthread_cond_timedwait(condition, mutex, &until);
}

// A thread that takes no signals, nor do those that the library starts from it, and that nobody waits for; 0 when it
// runs.
static inline int nbiot_paho_thread(void *(*run)(void *), void *context) {
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, before;
  int code;
  sigfillset(&all);
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  code = pthread_create(&thread, &attributes, run, context);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return code;
}

#endif
