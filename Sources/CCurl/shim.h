// SPDX-License-Identifier: Apache-2.0
// libcurl as imported into Swift, and what a loop around its multi interface needs of Linux; HTTPSTransfer and
// HTTPSChannel are its users.
#ifndef NBIOT_CCURL_SHIM_H
#define NBIOT_CCURL_SHIM_H

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

// Swift imports neither variadic functions nor the macros that libcurl puts before them.
static inline CURLcode nbiot_curl_set_long(CURL *curl, CURLoption option, long value) {
  return (curl_easy_setopt)(curl, option, value);
}
static inline CURLcode nbiot_curl_set_text(CURL *curl, CURLoption option, const char *value) {
  return (curl_easy_setopt)(curl, option, value);
}
static inline CURLcode nbiot_curl_set_pointer(CURL *curl, CURLoption option, const void *value) {
  return (curl_easy_setopt)(curl, option, value);
}
static inline CURLcode nbiot_curl_set_list(CURL *curl, CURLoption option, struct curl_slist *value) {
  return (curl_easy_setopt)(curl, option, value);
}
static inline CURLcode nbiot_curl_copy_body(CURL *curl, const void *bytes, curl_off_t count) {
  CURLcode code = (curl_easy_setopt)(curl, CURLOPT_POSTFIELDSIZE_LARGE, count);
  return code != CURLE_OK ? code : (curl_easy_setopt)(curl, CURLOPT_COPYPOSTFIELDS, bytes);
}

// The authorities in the block alone count: none of a folder beside it. libcurl copies the block.
static inline CURLcode nbiot_curl_set_authorities(CURL *curl, const void *bytes, size_t count) {
  struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
  CURLcode code = (curl_easy_setopt)(curl, CURLOPT_CAINFO_BLOB, &blob);
  if (code == CURLE_OK) code = (curl_easy_setopt)(curl, CURLOPT_CAPATH, (char *)NULL);
  return code;
}

// Both take bytes of the answer: a line of the header with its end, or a piece of the body.
typedef size_t (*nbiot_curl_data)(char *, size_t, size_t, void *);
static inline CURLcode nbiot_curl_set_data(CURL *curl, CURLoption option, nbiot_curl_data callback) {
  return (curl_easy_setopt)(curl, option, callback);
}
// Called each time that a request is about to be sent, over a new connection or an open one; 0 lets it go.
typedef int (*nbiot_curl_sending)(void *, char *, char *, int, int);
static inline CURLcode nbiot_curl_count_sends(CURL *curl, nbiot_curl_sending callback, void *context) {
  CURLcode code = (curl_easy_setopt)(curl, CURLOPT_PREREQFUNCTION, callback);
  return code ? code : (curl_easy_setopt)(curl, CURLOPT_PREREQDATA, context);
}
typedef int (*nbiot_curl_progress)(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
static inline CURLcode nbiot_curl_set_progress(CURL *curl, nbiot_curl_progress callback) {
  return (curl_easy_setopt)(curl, CURLOPT_XFERINFOFUNCTION, callback);
}

// Told of each SSL_CTX before a connection is made with it; CURLE_NOT_BUILT_IN where libcurl has another library.
typedef CURLcode (*nbiot_curl_context)(CURL *, void *, void *);
static inline CURLcode nbiot_curl_set_context(CURL *curl, nbiot_curl_context callback) {
  return (curl_easy_setopt)(curl, CURLOPT_SSL_CTX_FUNCTION, callback);
}

// The body stays where it is until the request has ended.
static inline CURLcode nbiot_curl_lend_body(CURL *curl, const void *bytes, curl_off_t count) {
  CURLcode code = (curl_easy_setopt)(curl, CURLOPT_POSTFIELDSIZE_LARGE, count);
  return code != CURLE_OK ? code : (curl_easy_setopt)(curl, CURLOPT_POSTFIELDS, bytes);
}

static inline long nbiot_curl_number(CURL *curl, CURLINFO info) {
  long value = 0;
  return (curl_easy_getinfo)(curl, info, &value) == CURLE_OK ? value : 0;
}

// The callbacks of the multi interface: which sockets it waits for, and when it wants to be called.
typedef int (*nbiot_curl_socket)(CURL *, curl_socket_t, int, void *, void *);
typedef int (*nbiot_curl_timer)(CURLM *, long, void *);
static inline CURLMcode nbiot_curl_watch(
    CURLM *multi, nbiot_curl_socket socket, nbiot_curl_timer timer, void *context) {
  CURLMcode code = (curl_multi_setopt)(multi, CURLMOPT_SOCKETFUNCTION, socket);
  if (code == CURLM_OK) code = (curl_multi_setopt)(multi, CURLMOPT_SOCKETDATA, context);
  if (code == CURLM_OK) code = (curl_multi_setopt)(multi, CURLMOPT_TIMERFUNCTION, timer);
  if (code == CURLM_OK) code = (curl_multi_setopt)(multi, CURLMOPT_TIMERDATA, context);
  // One connection is kept open, and nothing is shared between requests but it.
  if (code == CURLM_OK) code = (curl_multi_setopt)(multi, CURLMOPT_MAXCONNECTS, 1L);
  if (code == CURLM_OK) code = (curl_multi_setopt)(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
  return code;
}

// The end of the transfer, if it has come: its result, or -1.
static inline int nbiot_curl_ended(CURLM *multi) {
  int left;
  CURLMsg *message;
  while ((message = curl_multi_info_read(multi, &left)))
    if (message->msg == CURLMSG_DONE) return message->data.result;
  return -1;
}

// Without an environment's proxy, whatever its name.
static inline CURLcode nbiot_curl_without_proxy(CURL *curl) {
  return (curl_easy_setopt)(curl, CURLOPT_PROXY, "");
}

// The end of a request does not wait for the thread that looks its name up.
static inline CURLcode nbiot_curl_end_quickly(CURL *curl) {
#if LIBCURL_VERSION_NUM >= 0x075700
  return (curl_easy_setopt)(curl, CURLOPT_QUICK_EXIT, 1L);
#else
  return CURLE_OK;
#endif
}

// A program that is started meanwhile does not get the connection.
static inline int nbiot_curl_protect(void *context, curl_socket_t socket, curlsocktype kind) {
  (void)context, (void)kind;
  return fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}
static inline CURLcode nbiot_curl_close_on_exec(CURL *curl) {
  return (curl_easy_setopt)(curl, CURLOPT_SOCKOPTFUNCTION, nbiot_curl_protect);
}

// Who is told of each socket of a connection, and closes it.
struct nbiot_curl_sockets {
  void *context;
  void (*opened)(void *context, int descriptor);
  int (*closed)(void *context, int descriptor);
};

// Has the sockets of connections counted.
static inline curl_socket_t nbiot_curl_open(void *context, curlsocktype kind, struct curl_sockaddr *address) {
  const struct nbiot_curl_sockets *sockets = (const struct nbiot_curl_sockets *)context;
  int descriptor = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  (void)kind;
  if (descriptor >= 0) sockets->opened(sockets->context, descriptor);
  return descriptor;
}
static inline int nbiot_curl_close(void *context, curl_socket_t descriptor) {
  const struct nbiot_curl_sockets *sockets = (const struct nbiot_curl_sockets *)context;
  return sockets->closed(sockets->context, descriptor);
}
static inline CURLcode nbiot_curl_count_sockets(CURL *curl, struct nbiot_curl_sockets *sockets) {
  CURLcode code = (curl_easy_setopt)(curl, CURLOPT_OPENSOCKETFUNCTION, nbiot_curl_open);
  if (code == CURLE_OK) code = (curl_easy_setopt)(curl, CURLOPT_OPENSOCKETDATA, sockets);
  if (code == CURLE_OK) code = (curl_easy_setopt)(curl, CURLOPT_CLOSESOCKETFUNCTION, nbiot_curl_close);
  if (code == CURLE_OK) code = (curl_easy_setopt)(curl, CURLOPT_CLOSESOCKETDATA, sockets);
  return code;
}

static inline curl_socket_t nbiot_curl_no_socket(void) { return CURL_SOCKET_TIMEOUT; }

// Not left out by the compiler although the text is freed next.
static inline void nbiot_curl_wipe(char *text) {
  for (volatile char *byte = text; *byte; byte++) *byte = 0;
}

static inline int nbiot_curl_errno(void) { return errno; }

// A set of descriptors that is readable when one of them is ready, and the next that is: -1 when none is.
static inline int nbiot_poll_make(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int nbiot_poll_set(int poll, int descriptor, int what) {
  struct epoll_event event = {0};
  if (what == CURL_POLL_REMOVE) return epoll_ctl(poll, EPOLL_CTL_DEL, descriptor, &event);
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  event.data.fd = descriptor;
  if (epoll_ctl(poll, EPOLL_CTL_MOD, descriptor, &event) == 0) return 0;
  return errno == ENOENT ? epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event) : -1;
}
static inline int nbiot_poll_next(int poll, int *ready) {
  struct epoll_event event;
  if (epoll_wait(poll, &event, 1, 0) <= 0) return -1;
  *ready = (event.events & EPOLLIN ? CURL_CSELECT_IN : 0) |
           (event.events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
           (event.events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
  return event.data.fd;
}

// A timer as a descriptor, which is readable once so many milliseconds have passed; a negative number stops it.
static inline int nbiot_timer_make(void) {
  return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}
static inline int nbiot_timer_set(int timer, long milliseconds) {
  struct itimerspec time = {{0, 0}, {0, 0}};
  if (milliseconds >= 0) {
    time.it_value.tv_sec = milliseconds / 1000;
    time.it_value.tv_nsec = milliseconds % 1000 * 1000000;
    // Nothing at all would stop it.
    if (milliseconds == 0) time.it_value.tv_nsec = 1;
  }
  return timerfd_settime(timer, 0, &time, NULL);
}

// libcurl reads SSLKEYLOGFILE here, and would write the keys of all connections to that file, for everybody to read.
static inline CURLcode nbiot_curl_start(void) {
  unsetenv("SSLKEYLOGFILE");
  return curl_global_init(CURL_GLOBAL_DEFAULT);
}

// Neither the address itself nor a redirect may lead to anything but HTTPS.
static inline CURLcode nbiot_curl_only_https(CURL *curl) {
#if LIBCURL_VERSION_NUM >= 0x075500
  CURLcode code = (curl_easy_setopt)(curl, CURLOPT_PROTOCOLS_STR, "https");
  return code != CURLE_OK ? code : (curl_easy_setopt)(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
#else
  CURLcode code = (curl_easy_setopt)(curl, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS);
  return code != CURLE_OK ? code : (curl_easy_setopt)(curl, CURLOPT_REDIR_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
}

#endif
