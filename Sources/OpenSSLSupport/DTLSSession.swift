// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// A session's secrets and parameters in DER, wiped with the value.
public struct DTLSSession: ~Copyable {
  private let memory: WipedMemory

  /// The length in bytes: some 150, plus those of the server's certificate and of a ticket.
  public var count: Int { memory.count }

  /// `nil` if memory is short.
  init?(_ session: OpaquePointer) {
    var count = 0
    guard let bytes = unsafe nbiot_encode_session(session, &count) else { return nil }
    memory = unsafe WipedMemory(taking: bytes, count: count)
  }

  /// Copies the bytes of an earlier session; the caller wipes its own copy.
  ///
  /// `nil` if they are not a session, or if memory is short.
  public init?(copying bytes: Span<UInt8>) {
    // SAFETY: the pointer covers exactly the span and does not outlive the call.
    let decoded = unsafe bytes.withUnsafeBufferPointer {
      unsafe nbiot_decode_session($0.baseAddress, $0.count)
    }
    guard let decoded = unsafe decoded else {
      OpenSSLError.emptyQueue()
      return nil
    }
    unsafe SSL_SESSION_free(decoded)
    guard let memory = WipedMemory(copying: bytes) else { return nil }
    self.memory = memory
  }

  /// The session in DER; any copy must be wiped.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { memory.bytes }
  }
}
