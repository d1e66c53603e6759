// SPDX-License-Identifier: Apache-2.0
// libcbor's streaming encoder and decoder as imported into Swift; CBORPayload is its only user.
#ifndef NBIOT_CLIBCBOR_SHIM_H
#define NBIOT_CLIBCBOR_SHIM_H

#include <cbor/callbacks.h>
#include <cbor/encoding.h>
#include <cbor/streaming.h>

#endif
