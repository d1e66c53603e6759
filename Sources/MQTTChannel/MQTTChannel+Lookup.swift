// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import CPaho

nonisolated(unsafe) private var pretended: [String] = []

extension MQTTChannel {
  /// Makes names that end in `.test` resolve to these numeric addresses; for tests (RFC 6761 Section 6.2).
  ///
  /// Call it before the first connection: the library's threads read both variables without a lock.
  package static func pretend(_ addresses: [String]) {
    unsafe pretended = addresses
    unsafe nbiot_paho_look_up_by { name, service, hints, found in
      guard let found = unsafe found else { return EAI_FAIL }
      guard let name = unsafe name, unsafe String(cString: name).hasSuffix(".test") else {
        return unsafe nbiot_paho_system_lookup(name, service, hints, found)
      }
      unsafe found.pointee = nil
      for address in unsafe pretended.reversed() {
        var one: UnsafeMutablePointer<addrinfo>?
        let code = unsafe nbiot_paho_system_lookup(address, service, hints, &one)
        guard code == 0, let one = unsafe one else { return code }
        unsafe one.pointee.ai_next = found.pointee
        unsafe found.pointee = one
      }
      return 0
    }
  }
}
#endif
