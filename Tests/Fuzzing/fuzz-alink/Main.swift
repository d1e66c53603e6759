// SPDX-License-Identifier: Apache-2.0
internal import CFuzzer
internal import FuzzEntries

/// One input; libFuzzer looks for this name.
@c(LLVMFuzzerTestOneInput)
public func run(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  // SAFETY: libFuzzer's bytes are good until the function returns.
  unsafe fuzzAlink(Span(_unsafeElements: UnsafeBufferPointer(start: start, count: count)))
  return 0
}

/// The program's main function under the name that SwiftPM gives it.
@c(fuzz_alink_main)
public func start(
  _ argumentCount: Int32,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  var (argumentCount, arguments) = unsafe (argumentCount, arguments)
  return unsafe LLVMFuzzerRunDriver(&argumentCount, &arguments, run)
}
