// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import CoAPMessage
public import ConstrainedCore
internal import PlatformCoAP

extension DeviceClient {
  /// Delivers a payload; one that the platform puts off is sent again when the time that it asks for is over, as long
  /// as the waits do not exceed `maxWait`.
  func deliver(
    _ payload: [UInt8],
    _ target: Target,
    format: ContentFormat
  ) async throws -> Receipt {
    var left = maxWait
    while true {
      do {
        return try await attempt(payload, target, format: format)
      } catch let error as DeviceClientError {
        let wait = error.retryAfter
        guard wait > Milliseconds(0), wait <= left else { throw error }
        left = left - wait
        onPutOff?(wait)
        try await Task.sleep(for: .milliseconds(wait.count))
      }
    }
  }
}

extension DeviceClientError {
  /// How long the platform asks to wait before the next try, and over MQTT how long nothing is connected; 0 where
  /// there is no such time.
  public var retryAfter: Milliseconds {
    switch self {
    case .putOff(let wait), .authentication(.putOff(_, let wait), _): wait
    case .undelivered(let receipt), .httpsReport(_, _, let receipt): receipt.result.retryAfter
    case .httpsAuthentication(_, _, let wait): wait
    case .resting(_, let left): left
    default: Milliseconds(0)
    }
  }
}
