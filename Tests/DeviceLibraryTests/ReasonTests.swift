// SPDX-License-Identifier: Apache-2.0
import CDevice
import DeviceLibrary
import Testing

@Suite("The C library's reasons")
struct ReasonTests {
  private func text(_ reason: Int32) -> String {
    unsafe nbiot_reason_text(reason).map { unsafe String(cString: $0) } ?? ""
  }

  @Test func `each has its text, and a number beyond them that of none`() {
    let reasons = [
      (NBIOT_REASON_NONE, "none"), (NBIOT_REASON_REFUSED, "the platform refused it"),
      (NBIOT_REASON_UNCONFIRMED, "did not finish the handshake"),
      (NBIOT_REASON_UNKNOWN_AUTHORITY, "no authority in ca_pem"),
      (NBIOT_REASON_WRONG_NAME, "another host"), (NBIOT_REASON_WEAK_KEY, "too short"),
      (NBIOT_REASON_CERTIFICATE, "X509_V_ERR is the detail"),
      (NBIOT_REASON_OLD_VERSION, "no DTLS 1.2"), (NBIOT_REASON_ALERT, "the alert of the detail"),
      (NBIOT_REASON_HANDSHAKE, "its error code is the detail"),
    ]
    for (reason, words) in reasons {
      #expect(text(Int32(reason.rawValue)).contains(words), "\(reason.rawValue)")
    }
    let all = (0...Int32(NBIOT_REASON_HANDSHAKE.rawValue)).map { text($0) }
    #expect(Set(all).count == all.count && !all.contains(""))
    for beyond in [-1, .min, Int32(NBIOT_REASON_HANDSHAKE.rawValue) + 1, .max] {
      #expect(text(beyond) == "none")
    }
  }
}
