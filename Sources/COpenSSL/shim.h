// SPDX-License-Identifier: Apache-2.0
// OpenSSL 3 as imported into Swift; OpenSSLSupport is its only user.
#ifndef NBIOT_COPENSSL_SHIM_H
#define NBIOT_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

// As in CPOSIX's shim.
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)

// OPENSSL_zalloc and OPENSSL_clear_free without this file's name, which would end up in the program. Swift does not
// import function-like macros.
static inline void *nbiot_secret_alloc(size_t count) { return CRYPTO_zalloc(count, NULL, 0); }
static inline void nbiot_secret_free(void *bytes, size_t count) { CRYPTO_clear_free(bytes, count, NULL, 0); }

// The device imports both functions of the C library anyway; OpenSSL's would be two more.
static inline void nbiot_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }
static inline int nbiot_draw(uint64_t *number) {
  ssize_t count;
  do count = getrandom(number, sizeof *number, 0);
  while (count < 0 && errno == EINTR);
  return count == sizeof *number;
}

// The HMAC with the named hash function, at most 32 bytes. By name, because a function that returns the hash function
// would be one more to import.
static inline int nbiot_hmac(
    const char *hash, const void *key, size_t key_count, const unsigned char *content, size_t count,
    unsigned char *output, size_t *length) {
  return EVP_Q_mac(NULL, "HMAC", NULL, hash, NULL, key, key_count, content, count, output, 32, length) != NULL;
}

static const uint64_t nbiot_common_options = SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
static const uint64_t nbiot_no_encrypt_then_mac = SSL_OP_NO_ENCRYPT_THEN_MAC;
static const uint64_t nbiot_no_ticket = SSL_OP_NO_TICKET;

static inline int nbiot_set_only_dtls12(SSL_CTX *context) {
  return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1;
}
static inline int nbiot_set_groups(SSL *ssl, const char *list) { return (int)SSL_set1_groups_list(ssl, (char *)list); }
static inline int nbiot_set_context_groups(SSL_CTX *context, const char *list) { return (int)SSL_CTX_set1_groups_list(context, (char *)list); }
static inline int nbiot_set_own_signatures(SSL *ssl, const char *list) { return (int)SSL_set1_sigalgs_list(ssl, (char *)list); }
// OpenSSL has each suite's name once, so the same suite has its name at the same address.
static inline int nbiot_offers(const SSL *ssl, const SSL_CIPHER *suite) {
  const char *name;
  for (int index = 0; (name = SSL_get_cipher_list(ssl, index)) != NULL; index++)
    if (name == SSL_CIPHER_get_name(suite)) return 1;
  return 0;
}
// The minimum length of a protected record: CCM_8 has 8 bytes of nonce and 8 of tag, ChaCha20-Poly1305 16 of tag; GCM
// and CCM have 24, CBC more.
static inline long nbiot_shortest_record(const SSL *ssl) {
  switch (SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl))) {
  case 0xC0A0: case 0xC0A8: case 0xC0AE: case 0xCCA8: case 0xCCA9: case 0xCCAB: return 16;
  default: return 24;
  }
}
static inline int nbiot_has_rsa(const SSL_CIPHER *suite) { return SSL_CIPHER_get_auth_nid(suite) == NID_auth_rsa; }
static inline int nbiot_set_signatures(SSL_CTX *context, const char *list) { return (int)SSL_CTX_set1_sigalgs_list(context, (char *)list); }
static inline int nbiot_set_server_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, (char *)name); }
static inline void nbiot_set_cache(SSL_CTX *context, long mode) { SSL_CTX_set_session_cache_mode(context, mode); }
static inline void nbiot_set_send_fragment(SSL_CTX *context, long size) { SSL_CTX_set_max_send_fragment(context, size); }
static inline void nbiot_set_link_mtu(SSL *ssl, long mtu) { DTLS_set_link_mtu(ssl, mtu); }
static inline int nbiot_handle_timeout(SSL *ssl) { return (int)DTLSv1_handle_timeout(ssl); }
// Whether OpenSSL's timer is set, and the time left.
static inline int nbiot_time_left(SSL *ssl, int64_t *microseconds) {
  struct timeval left;
  if (DTLSv1_get_timeout(ssl, &left) != 1) return 0;
  *microseconds = (int64_t)left.tv_sec * 1000000 + left.tv_usec;
  return 1;
}

// Whether the argument of BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT means that the timer is stopped.
static inline int nbiot_is_no_time(const void *time) {
  const struct timeval *value = time;
  return value != NULL && value->tv_sec == 0 && value->tv_usec == 0;
}

// OpenSSL's timer for a flight is a calendar time, and the calendar clock may be set at any moment. Up to 3.1 the
// argument of BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT is the timer itself. This postpones it forever, and nbiot_expire brings
// it forward when the flight is due; returns 1 if OpenSSL then reports that much time left. Later versions pass a copy.
static inline int nbiot_hold_timer(SSL *ssl, void *argument) {
  struct timeval *timer = argument;
  const struct timeval before = *timer;
  struct timeval left;
  timer->tv_sec = sizeof timer->tv_sec > 4 ? (time_t)1 << 40 : 0x7fffffff;
  if (DTLSv1_get_timeout(ssl, &left) == 1 && left.tv_sec > 10000000) return 1;
  *timer = before;
  return 0;
}
// 0 would mean no timer.
static inline void nbiot_expire(void *timer) { ((struct timeval *)timer)->tv_sec = 1; }

static inline int nbiot_is_saying_hello(SSL *ssl) { return SSL_get_state(ssl) == TLS_ST_CW_CLNT_HELLO; }

static inline void nbiot_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }

// Security level 2 rejects CCM_8's tag of 64 bits as too weak, although a forged record costs 2^64 tries over a radio.
// Allow the three suites, and leave everything else to the level.
typedef int (*nbiot_security_callback)(const SSL *, const SSL_CTX *, int, int, int, void *, void *);
static inline int nbiot_judge(const SSL *ssl, const SSL_CTX *context, int operation, int bits, int id, void *other, void *original) {
  if ((operation & SSL_SECOP_OTHER_TYPE) == SSL_SECOP_OTHER_CIPHER && other != NULL) {
    uint16_t suite = SSL_CIPHER_get_protocol_id((const SSL_CIPHER *)other);
    if (suite == 0xC0AE || suite == 0xC0A8 || suite == 0xC0A0) return 1;
  }
  return ((nbiot_security_callback)original)(ssl, context, operation, bits, id, other, NULL);
}
static inline void nbiot_set_security(SSL_CTX *context) {
  SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set0_security_ex_data(context, (void *)SSL_CTX_get_security_callback(context));
  SSL_CTX_set_security_callback(context, nbiot_judge);
}

// Otherwise OpenSSL would prompt at the terminal for the password of what is encrypted.
static inline int nbiot_no_password(char *buffer, int size, int writing, void *data) { return -1; }
static inline X509 *nbiot_read_certificate(BIO *bio) { return PEM_read_bio_X509(bio, NULL, nbiot_no_password, NULL); }
// How many certificates a text in PEM has; -1 where one of them cannot be read.
static inline int nbiot_count_certificates(const void *text, int length) {
  X509 *certificate;
  int count = 0;
  BIO *bio = BIO_new_mem_buf(text, length);
  ERR_clear_error();
  while ((certificate = nbiot_read_certificate(bio)) != NULL) {
    X509_free(certificate);
    count++;
  }
  // The end of the text is an error as well.
  if (bio == NULL || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) count = -1;
  ERR_clear_error();
  BIO_free_all(bio);
  return count;
}
static inline EVP_PKEY *nbiot_read_key(BIO *bio) { return PEM_read_bio_PrivateKey(bio, NULL, nbiot_no_password, NULL); }
static inline int nbiot_add_chain(SSL_CTX *context, X509 *certificate) { return (int)SSL_CTX_add1_chain_cert(context, certificate); }
static inline int nbiot_is_expired(const X509 *certificate) { return X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0; }

// The negotiated maximum record size (RFC 6066 Section 4); 0 if there is none.
static inline size_t nbiot_max_fragment(SSL *ssl) {
  SSL_SESSION *session = SSL_get_session(ssl);
  uint8_t code = session == NULL ? 0 : SSL_SESSION_get_max_fragment_length(session);
  return code >= 1 && code <= 4 ? (size_t)256 << code : 0;
}

// A server's certificate must have host names or addresses as alternative names: one with neither would be checked by
// its common name, which RFC 9525 Section 6.3 forbids.
static inline int nbiot_has_alternative_name(X509 *certificate) {
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  int index, found = 0;
  for (index = 0; index < sk_GENERAL_NAME_num(names); index++) {
    int type = sk_GENERAL_NAME_value(names, index)->type;
    found |= type == GEN_DNS || type == GEN_IPADD;
  }
  GENERAL_NAMES_free(names);
  return found;
}
static inline int nbiot_judge_names(int is_good, X509_STORE_CTX *store) {
  if (is_good != 1 || X509_STORE_CTX_get_error_depth(store) > 0) return is_good;
  if (nbiot_has_alternative_name(X509_STORE_CTX_get_current_cert(store))) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}
static inline void nbiot_demand_alternative_names(SSL_CTX *context) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nbiot_judge_names);
}

// Serialised sessions, in memory that is wiped when it is freed.
static inline unsigned char *nbiot_encode_session(SSL_SESSION *session, size_t *count) {
  unsigned char *bytes = NULL;
  int length = i2d_SSL_SESSION(session, &bytes);
  *count = length > 0 ? (size_t)length : 0;
  return length > 0 ? bytes : NULL;
}
static inline SSL_SESSION *nbiot_decode_session(const unsigned char *bytes, size_t count) {
  const unsigned char *next = bytes;
  SSL_SESSION *session = d2i_SSL_SESSION(NULL, &next, (long)count);
  if (session != NULL && next != bytes + count) {
    SSL_SESSION_free(session);
    session = NULL;
  }
  return session;
}

// For servers: cookies, sessions, generated certificates.
static inline int nbiot_listen(SSL *ssl) {
  BIO_ADDR *address = BIO_ADDR_new();
  int result = address == NULL ? -1 : DTLSv1_listen(ssl, address);
  BIO_ADDR_free(address);
  return result;
}
static inline void nbiot_forget_sessions(SSL_CTX *context) {
  // Treat the time as a day after the longest session lifetime.
  SSL_CTX_flush_sessions(context, 0x7fffffff);
}
static inline EVP_PKEY *nbiot_make_p256_key(void) { return EVP_EC_gen("P-256"); }
static inline EVP_PKEY *nbiot_make_rsa_key(void) { return EVP_RSA_gen(2048); }
static inline int nbiot_has_rsa_key(X509 *certificate) { return EVP_PKEY_is_a(X509_get0_pubkey(certificate), "RSA"); }
// Whether the client's ChangeCipherSpec was the last message read by the server.
static inline int nbiot_awaits_finished(const SSL *ssl) { return SSL_get_state(ssl) == TLS_ST_SR_CHANGE; }
static inline int nbiot_has_agreed_on_psk(const SSL *ssl) {
  const SSL_CIPHER *suite = SSL_get_pending_cipher(ssl);
  return suite != NULL && SSL_CIPHER_get_kx_nid(suite) == NID_kx_psk;
}
static inline int nbiot_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, (char *)value);
  int result = extension != NULL && X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return result;
}
static inline int nbiot_set_common_name(X509_NAME *name, const char *text) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1, 0);
}
// For a server of TLS.
static const uint64_t nbiot_stream_options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
// For a look at what a server of TLS shows.
static inline int nbiot_set_tls12_or_later(SSL_CTX *context) { return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1; }
static inline int nbiot_certificate_count(const STACK_OF(X509) *chain) { return chain == NULL ? 0 : sk_X509_num(chain); }
static inline X509 *nbiot_certificate_at(const STACK_OF(X509) *chain, int index) { return sk_X509_value(chain, index); }
// The common name, else the whole name.
static inline int nbiot_name(const X509_NAME *name, char *text, int count) {
  int length = X509_NAME_get_text_by_NID((X509_NAME *)name, NID_commonName, text, count);
  if (length >= 0) return length;
  return X509_NAME_oneline(name, text, count) == NULL ? 0 : (int)strlen(text);
}
// Seconds since 1970.
static inline int64_t nbiot_seconds(const ASN1_TIME *time) {
  ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
  int days = 0, seconds = 0;
  int isGood = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time);
  ASN1_TIME_free(epoch);
  return isGood ? (int64_t)days * 86400 + seconds : 0;
}

static inline long nbiot_take_text(BIO *bio, char **text) { return BIO_get_mem_data(bio, text); }

#pragma clang attribute pop

#endif
