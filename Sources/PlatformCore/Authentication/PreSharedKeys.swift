// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PayloadCoding
internal import PayloadValues

/// The platform's side of pre-shared keys (protocol facts 2.1, the platform's C SDK v4), for one
/// handshake.
package final class PreSharedKeys {
  private let devices: [String: SimulatedDevice]
  /// The leniencies that the identity needed.
  package private(set) var leniencies: LeniencyUse
  /// Why the identity was refused, if a setting would have accepted it.
  package private(set) var refusal: String?

  /// Whether the identity must have the SDK's form.
  private let sdkOnly: Bool

  /// `devices` is indexed by `PK/DN`, so that a stranger's hello costs the same for any number of
  /// devices.
  package init(_ devices: [String: SimulatedDevice], _ leniencies: LeniencyUse, sdkOnly: Bool) {
    self.sdkOnly = sdkOnly
    self.devices = devices
    self.leniencies = leniencies
  }

  /// The key for `devicename|METHOD|PK&DN|TIMESTAMP`; `nil` for another identity or an unknown
  /// device.
  ///
  /// Unverified (`pre-shared-keys` of `Assumption`): that methods and timestamps other than the
  /// SDK's are accepted.
  package func find(_ identity: [UInt8]) -> [UInt8]? {
    let parts = String(decoding: identity, as: UTF8.self)
      .split(separator: "|", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "devicename" else { return nil }
    let names = parts[2].split(separator: "&", maxSplits: 1, omittingEmptySubsequences: false)
    guard names.count == 2, let device = devices["\(names[0])/\(names[1])"],
      let hash = SubmittedSign.hash(named: parts[1].lowercased())
    else { return nil }
    // Checked first, because no leniency then accepts the others.
    guard !sdkOnly || (hash == .sha256 && parts[3] == "2524608000000") else { return nil }
    if SubmittedSign.hash(named: parts[1]) == nil {
      do throws(Refusal) {
        let note =
          "the identity's sign method is spelt \(ReadableText.unlabelled(Array(parts[1].utf8)))"
        try leniencies.need(.signMethodCase, note) { Refusal(.badSign, $0, namesSetting: true) }
      } catch {
        refusal = error.note
        return nil
      }
    }
    let content = Array("id\(parts[2])timestamp\(parts[3])".utf8)
    guard let key = try? hash.hmac(key: device.secret.span, content: content.span) else {
      return nil
    }
    let digits = Array("0123456789ABCDEF".utf8)
    return key.bytes.indices.flatMap {
      [digits[Int(key.bytes[$0] >> 4)], digits[Int(key.bytes[$0] & 0x0F)]]
    }
  }
}
