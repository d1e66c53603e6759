// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import OpenSSLSupport

extension DTLSSecurity {
  /// The maximum size of an exported session in bytes.
  public static var maxSessionSize: Int { 33 + 65_535 }

  /// Appends the session for a later process; `false`, and nothing appended, when there is none worth
  /// resuming.
  ///
  /// It holds the channel's master secret: keep it where nobody else reads, and wipe what you no longer
  /// need. Size: some 200 bytes and those of the server's certificate.
  public func exportSession(into output: inout ByteWriter) throws(CapacityError) -> Bool {
    switch session {
    case .none: return false
    case .some(let session):
      guard output.remaining >= 33 + session.count else { throw CapacityError() }
      let seal: FixedBytes<32>
      do throws(DTLSConfigurationError) {
        seal = try Self.digest(binding.bytes, session.bytes, Span())
      } catch {
        return false
      }
      try output.append(Self.sessionVersion)
      try output.append(seal.bytes)
      try output.append(session.bytes)
      return true
    }
  }

  /// Resumes a session from `exportSession`; the server may no longer have it.
  public mutating func importSession(
    _ bytes: Span<UInt8>
  ) throws(DTLSConfigurationError) {
    guard bytes.count > 33, bytes[0] == Self.sessionVersion else { throw .foreignSession }
    let rest = bytes.extracting(droppingFirst: 33)
    // Flash memory may lose bits: damaged secrets would cost a handshake that never ends.
    let seal = try Self.digest(binding.bytes, rest, Span())
    guard constantTimeEqual(bytes.extracting(1..<33), seal.bytes),
      let imported = DTLSSession(copying: rest)
    else { throw .foreignSession }
    session = consume imported
  }

  /// Appends the result of `exportSession`.
  public func exportChannel(into output: inout ByteWriter) throws(CapacityError) {
    _ = try exportSession(into: &output)
  }

  /// Resumes the session, unless it is for another server or key.
  public mutating func importChannel(_ bytes: Span<UInt8>) {
    // A foreign session costs only a full handshake.
    do throws(DTLSConfigurationError) { try importSession(bytes) } catch {}
  }

  private static var sessionVersion: UInt8 { 1 }
}
