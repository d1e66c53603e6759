// libcbor's streaming decoder as Swift sees it; CBORPayload is its only user.
#ifndef NBIOT_CLIBCBOR_SHIM_H
#define NBIOT_CLIBCBOR_SHIM_H

#include <cbor/callbacks.h>
#include <cbor/streaming.h>

#endif
