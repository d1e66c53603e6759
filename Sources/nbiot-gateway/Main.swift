// SPDX-License-Identifier: Apache-2.0
internal import GatewayAgent

#if hasFeature(Embedded)
/// The program's entry.
@c(main)
public func agentMain(
  _ count: Int32,
  _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  unsafe runAgent(count, values)
}
#else

/// The program's entry.
@main
struct GatewayAgentMain {
  static func main() {
    unsafe runAgent(CommandLine.argc, CommandLine.unsafeArgv)
  }
}
#endif
