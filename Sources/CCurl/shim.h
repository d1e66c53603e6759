// libcurl as imported into Swift; HTTPSTransfer is its only user.
#ifndef NBIOT_CCURL_SHIM_H
#define NBIOT_CCURL_SHIM_H

#include <curl/curl.h>

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
typedef int (*nbiot_curl_progress)(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
static inline CURLcode nbiot_curl_set_progress(CURL *curl, nbiot_curl_progress callback) {
  return (curl_easy_setopt)(curl, CURLOPT_XFERINFOFUNCTION, callback);
}

// Told of each SSL_CTX before a connection is made with it; CURLE_NOT_BUILT_IN where libcurl has another library.
typedef CURLcode (*nbiot_curl_context)(CURL *, void *, void *);
static inline CURLcode nbiot_curl_set_context(CURL *curl, nbiot_curl_context callback) {
  return (curl_easy_setopt)(curl, CURLOPT_SSL_CTX_FUNCTION, callback);
}

static inline CURLcode nbiot_curl_start(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

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
