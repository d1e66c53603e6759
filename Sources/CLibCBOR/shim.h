// libcbor's streaming encoder and decoder as Swift sees them; CBORPayload is its only user.
#ifndef NBIOT_CLIBCBOR_SHIM_H
#define NBIOT_CLIBCBOR_SHIM_H

#include <cbor/callbacks.h>
#include <cbor/encoding.h>
#include <cbor/streaming.h>

#endif
