// SPDX-License-Identifier: Apache-2.0
internal import CDevice
internal import DeviceStore
internal import DurableReports

/// Why a call of the library failed.
enum LibraryError: Error {
  case argument, full, tooLong, security, system
  case disk(StoreError)

  /// The code returned to C; sets `errno` for a failure of the disk, because calls made since may
  /// have changed it.
  func report() -> Int32 {
    if case .disk(let failure) = self { failure.setErrno() }
    return switch self {
    case .argument: NBIOT_ARGUMENT.rawValue
    case .full: NBIOT_FULL.rawValue
    case .tooLong: NBIOT_TOO_LONG.rawValue
    case .security: NBIOT_SECURITY.rawValue
    case .system: NBIOT_SYSTEM.rawValue
    case .disk(.inUse): NBIOT_IN_USE.rawValue
    case .disk: NBIOT_DISK.rawValue
    }
  }
}

/// An event in the form reported to C.
struct Happening {
  let kind: nbiot_event_kind
  var code: Int32 = 0
  var id: UInt64 = 0
  var sequence: UInt64 = 0
  var bytesUp: UInt32 = 0
  var bytesDown: UInt32 = 0
  var transmissions: UInt32 = 0
  var milliseconds: UInt32 = 0
  var replyCode: UInt32 = 0
  var extent: nbiot_answer = NBIOT_ANSWER_WHOLE
  var hasAnswer = false
  var reason = NBIOT_REASON_NONE
  var detail: UInt64 = 0

  init(_ kind: nbiot_event_kind) { self.kind = kind }

  init(_ kind: nbiot_event_kind, _ id: UInt64) {
    self.init(kind)
    self.id = id
  }

  /// What became of a report, as far as every transport tells it; `nil` for another event.
  init?(ending event: DurableEvent) {
    switch event {
    case .delivered(let id): self.init(NBIOT_DELIVERED, id)
    case .rejected(let id): self.init(NBIOT_REJECTED, id)
    case .postponed(let id): self.init(NBIOT_POSTPONED, id)
    case .givenUp(let id, .maxAttempts): self.init(NBIOT_GIVEN_UP, id)
    case .givenUp(let id, .maxAge): self.init(NBIOT_TOO_OLD, id)
    case .expired(let id): self.init(NBIOT_EXPIRED, id)
    case .dropped(let id): self.init(NBIOT_DROPPED, id)
    case .superseded(let id): self.init(NBIOT_SUPERSEDED, id)
    case .storeFailed: self.init(NBIOT_DISK_REFUSES)
    case .authenticated, .authenticationFailed, .downlink: return nil
    }
  }
}
