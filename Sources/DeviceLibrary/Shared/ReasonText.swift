// SPDX-License-Identifier: Apache-2.0
internal import CDevice

/// The meaning of a reason and what to check, in English.
@c @implementation
public func nbiot_reason_text(_ reason: Int32) -> UnsafePointer<CChar>! {
  var (index, none) = (max(reason, 0), Int32(0))
  return unsafe text(&index, of: firstTexts) ?? text(&index, of: certificateTexts)
    ?? text(&index, of: lastTexts) ?? text(&none, of: firstTexts)
}

/// The text of that number among texts that each end with a zero byte; `nil` beyond them, with what
/// is left of the number.
@unsafe
private func text(_ index: inout Int32, of texts: StaticString) -> UnsafePointer<CChar>? {
  // SAFETY: a StaticString's bytes live as long as the program, and each text ends with a zero byte.
  texts.withUTF8Buffer { bytes in
    var start = 0
    while start < bytes.count {
      if index == 0 {
        return unsafe UnsafeRawPointer(bytes.baseAddress)?.advanced(by: start)
          .assumingMemoryBound(to: CChar.self)
      }
      while unsafe bytes[start] != 0 { start += 1 }
      start += 1
      index -= 1
    }
    return nil
  }
}

/// The texts of the reasons of a certificate, from NBIOT_REASON_UNKNOWN_AUTHORITY to
/// NBIOT_REASON_CERTIFICATE; DTLS and TLS have them alike.
private let certificateTexts: StaticString = """
  no authority in ca_pem vouches for the server's certificate\0\
  the server's certificate is for another host\0\
  the server's certificate has expired, or the clock is wrong\0\
  the server's certificate is not valid yet, or the clock is wrong\0\
  a certificate of the server's was issued by one that is no authority\0\
  the server signs with SHA-1 or MD5\0\
  a key of the server's is too short\0\
  the server's certificate is not for servers\0\
  the server's certificate is not good; X509_V_ERR is the detail\0
  """
