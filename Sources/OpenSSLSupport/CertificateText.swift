// SPDX-License-Identifier: Apache-2.0
private import COpenSSL
private import ConstrainedCore

/// The number of certificates in a text in PEM; `nil` where one of them cannot be read.
///
/// What libraries read later, from a file, is checked so before anything depends on it.
@inline(never)
package func certificateCount(in text: Span<UInt8>) -> Int? {
  // SAFETY: the text is read during this call only.
  let count = unsafe text.withUnsafeBytes { bytes in
    unsafe nbiot_count_certificates(bytes.baseAddress, Int32(clamping: bytes.count))
  }
  return count < 0 ? nil : Int(count)
}
