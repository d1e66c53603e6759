// SPDX-License-Identifier: Apache-2.0
public import CoAPMessage
public import PlatformCore

extension SimulatedFailure {
  /// Fails one request with the code.
  public init(
    _ code: Code,
    times: Int = 1,
    maxAge: UInt32? = nil,
    kind: RequestKind? = nil
  ) {
    self.init(
      status: Int(code.class) * 100 + Int(code.detail),
      times: times,
      retryAfter: maxAge,
      kind: kind
    )
  }

  /// The response's code.
  var code: Code { Code(UInt8(clamping: status / 100), UInt8(clamping: status % 100)) }
}
