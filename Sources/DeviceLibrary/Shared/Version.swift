// SPDX-License-Identifier: Apache-2.0
internal import CDevice

/// The library's version.
@c @implementation
public func nbiot_version() -> UnsafePointer<CChar>! {
  let text: StaticString = "0.9.0\0"
  // SAFETY: a StaticString's bytes live as long as the program, and this one's end with a zero byte.
  return text.withUTF8Buffer {
    unsafe UnsafeRawPointer($0.baseAddress)?.assumingMemoryBound(to: CChar.self)
  }
}
