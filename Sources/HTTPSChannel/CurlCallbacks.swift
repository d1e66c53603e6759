// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import ConstrainedCore
internal import HTTPSLayer

#if LEDGER
internal import StreamTraffic
#endif

/// Waits for what libcurl wants of a socket.
let watchSocket: nbiot_curl_socket = { _, socket, what, context, _ in
  guard let state = unsafe StatePointer(context) else { return -1 }
  #if LEDGER
  if what != CURL_POLL_REMOVE { unsafe state.pointee.traffic?.watch(socket) }
  #endif
  // A socket that is closed already is in no set any more.
  return unsafe nbiot_poll_set(state.pointee.poll, socket, what) == 0 || what == CURL_POLL_REMOVE
    ? 0 : -1
}

/// Sets the timer to when libcurl wants to be called.
let setTimer: nbiot_curl_timer = { _, milliseconds, context in
  guard let state = unsafe StatePointer(context) else { return -1 }
  return unsafe nbiot_timer_set(state.pointee.timer, milliseconds)
}

extension UnsafeMutablePointer where Pointee == ChannelState {
  /// The state that a callback was given.
  init?(_ context: UnsafeMutableRawPointer?) {
    guard let context = unsafe context else { return nil }
    // SAFETY: the context is always a channel's state.
    unsafe self = context.assumingMemoryBound(to: ChannelState.self)
  }

  /// A state with its descriptors and memory; `nil` with `errno` where the system gives none.
  static func make(limit: Int) -> StatePointer? {
    let poll = nbiot_poll_make()
    let timer = nbiot_timer_make()
    let (body, place) = unsafe (malloc(limit), malloc(MemoryLayout<ChannelState>.size))
    guard poll >= 0, timer >= 0, nbiot_poll_set(poll, timer, CURL_POLL_IN) == 0,
      let body = unsafe body, let place = unsafe place
    else {
      unsafe free(body)
      unsafe free(place)
      if timer >= 0 { close(timer) }
      if poll >= 0 { close(poll) }
      return nil
    }
    let state = unsafe place.bindMemory(to: ChannelState.self, capacity: 1)
    unsafe state.initialize(
      to: ChannelState(
        poll: poll,
        timer: timer,
        limit: limit,
        body: body.bindMemory(to: UInt8.self, capacity: limit)
      )
    )
    return unsafe state
  }

  func end() {
    unsafe deinitialize(count: 1)
    unsafe free(self)
  }
}

extension Optional where Wrapped == UnsafeMutablePointer<curl_slist> {
  /// Overwrites the texts of a list, and frees it.
  func wipeAndFree() {
    var next = self
    while let entry = unsafe next {
      if let text = unsafe entry.pointee.data { unsafe nbiot_curl_wipe(text) }
      unsafe next = entry.pointee.next
    }
    unsafe curl_slist_free_all(self)
  }
}

extension Span where Element == UInt8 {
  /// Lends bytes that end with a zero as a C string.
  func withText<Result>(_ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    unsafe withUnsafeBytes { unsafe body($0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
  }
}

extension HTTPSChannelSettings {
  /// Checks what would otherwise be part of an address, or leave no room.
  func check() throws(HTTPSChannelError) {
    let host = host.bytes
    guard !host.isEmpty else { throw .host }
    for index in host.indices {
      switch host[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: ":"):
        continue
      default: throw .host
      }
    }
    guard answerLimit >= 1_024, connectTimeout.count > 0, idleLimit >= 0 else { throw .limits }
  }
}
