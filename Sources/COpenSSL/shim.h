// OpenSSL 3's cryptography as Swift sees it; OpenSSLSupport is its only user.
#ifndef NBIOT_COPENSSL_SHIM_H
#define NBIOT_COPENSSL_SHIM_H

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

// Swift does not import function-like macros.
static inline void *nbiot_secret_alloc(size_t count) { return OPENSSL_zalloc(count); }
static inline void nbiot_secret_free(void *bytes, size_t count) { OPENSSL_clear_free(bytes, count); }

#endif
