// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CDevice
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DeviceDriver
internal import DurableReports
internal import MQTTChannel
internal import MQTTLink
internal import OpenSSLSupport
internal import PayloadCoding
internal import Platform
internal import ReportLink
internal import SystemClocks

/// What the platform sends, and what is answered.
extension HeldDevice {
  /// Takes the message of the last event `downlink`.
  mutating func take(at now: Instant) -> Happening {
    let verdict = judge(at: now)
    keepPlace()
    switch verdict {
    case .request(let downlink):
      keep(downlink)
      let left = (downlink.deadline ?? now) - now
      message.timeLeft = UInt32(clamping: left.count)
      return Happening(NBIOT_REQUEST, UInt64(widening: downlink.number))
    case .notice(let downlink, _):
      keep(downlink)
      if downlink.kind == .firmware { return decide(downlink, at: now) }
      var happened = Happening(NBIOT_NOTICE)
      if let code = downlink.code { happened.code = Int32(clamping: code.rawValue) }
      return happened
    case .refused(let answer, let fault):
      message.fault = fault.word
      var happened = Happening(NBIOT_MESSAGE_REFUSED)
      happened.code = Int32(clamping: answer.code.rawValue)
      return happened
    case .dropped(let fault):
      message.fault = fault.word
      return Happening(NBIOT_MESSAGE_REFUSED)
    }
  }

  /// What is to be done with it, by the thing model if there is one.
  private mutating func judge(at now: Instant) -> DownlinkVerdict {
    if !model.isEmpty, let view = try? ThingModelView(model.bytes) {
      return exchange.take(from: &driver.reports, model: view, at: now)
    }
    return exchange.take(from: &driver.reports, at: now)
  }

  /// Notes that the event is about the link's message, and on which topic it came.
  private mutating func keepPlace() {
    message.setTopic(driver.reports.downlinkTopic)
    message.hasPayload = true
  }

  private mutating func keep(_ downlink: Downlink) {
    message.kind = downlink.kind
    message.downlink = downlink
    message.setService(downlink.service.bytes)
  }

  /// Decides about a firmware that was pushed, and tells the platform what it needs to know of that.
  private mutating func decide(_ downlink: Downlink, at now: Instant) -> Happening {
    let decision = firmware.decide(
      downlink.reader(driver.reports.downlinkPayload),
      running: version.bytes
    )
    var happened = Happening(NBIOT_FIRMWARE)
    happened.code = Int32(decision.number.rawValue)
    switch decision {
    case .alreadyInstalled: _ = tellVersion(at: now)
    case .refuse(let refusal):
      // A step without a description always has room.
      do throws(AlinkError) {
        _ = try tellProgress(.failed(refusal.failure), at: now)
      } catch {}
    case .start, .resume, .alreadyRunning, .waitsForRestart, .anotherRuns: break
    }
    return happened
  }

  // MARK: - What C asks for

  /// Answers a request with a code and an object; the result's code.
  mutating func reply(_ id: UInt64, _ code: UInt32, _ data: Span<UInt8>) -> nbiot_code {
    guard let code = DeviceReplyCode(rawValue: UInt64(code)) else { return NBIOT_ARGUMENT }
    guard let number = UInt32(exactly: id) else { return NBIOT_UNKNOWN_REQUEST }
    do throws(DownlinkReplyError) {
      try exchange.answer(
        number,
        code,
        data: data.trimmed,
        over: &driver.reports,
        at: MonotonicClock.now()
      )
      return NBIOT_OK
    } catch {
      return error.number
    }
  }

  /// Answers a request with bytes; the result's code.
  mutating func reply(_ id: UInt64, bytes: Span<UInt8>) -> nbiot_code {
    guard let number = UInt32(exactly: id) else { return NBIOT_UNKNOWN_REQUEST }
    do throws(DownlinkReplyError) {
      try exchange.answer(number, bytes: bytes, over: &driver.reports, at: MonotonicClock.now())
      return NBIOT_OK
    } catch {
      return error.number
    }
  }

  /// Takes how far the upgrade that runs is, or that it goes no further.
  mutating func progress(_ step: Int32, _ description: Span<UInt8>) -> nbiot_code {
    let known: FirmwareStep
    switch step {
    case 1...100: known = .percent(UInt8(truncatingIfNeeded: step))
    case -4...(-1):
      guard let failure = UpgradeFailure(rawValue: Int8(step)) else { return NBIOT_ARGUMENT }
      known = .failed(failure)
    default: return NBIOT_ARGUMENT
    }
    guard description.isUTF8 else { return NBIOT_ARGUMENT }
    guard firmware.isRunning else { return NBIOT_UNKNOWN_REQUEST }
    let isSent: Bool
    do throws(AlinkError) {
      isSent = try tellProgress(known, description, at: MonotonicClock.now())
    } catch {
      return NBIOT_ARGUMENT
    }
    if case .failed = known { firmware.failed() }
    return isSent ? NBIOT_OK : NBIOT_NOT_CONNECTED
  }

  /// Notes that the upgrade waits for a restart.
  mutating func finishFirmware() -> nbiot_code {
    guard firmware.isRunning else { return NBIOT_UNKNOWN_REQUEST }
    firmware.finished()
    return NBIOT_OK
  }

  /// Reads the file that the last event offers.
  func read(_ file: inout nbiot_file) -> nbiot_code {
    guard let downlink = message.downlink, message.hasPayload else { return NBIOT_ARGUMENT }
    let reader = downlink.reader(driver.reports.downlinkPayload)
    let offer: FileOffer
    do throws(AlinkMessageError) {
      switch downlink.kind {
      case .firmware: offer = try FileOffer(firmware: reader)
      case .configuration: offer = try FileOffer(configuration: reader)
      case .subDeviceConfiguration: offer = try FileOffer(subDevices: reader)
      default: return NBIOT_ARGUMENT
      }
    } catch {
      return NBIOT_ARGUMENT
    }
    file = nbiot_file()
    unsafe fill(&file.version, offer.version.bytes)
    unsafe fill(&file.url, offer.url.bytes)
    file.size = offer.size
    switch offer.digest {
    case .md5(let bytes):
      file.digest_method = UInt8(NBIOT_DIGEST_MD5.rawValue)
      unsafe fill(&file.digest, bytes.bytes)
    case .sha256(let bytes):
      file.digest_method = UInt8(NBIOT_DIGEST_SHA256.rawValue)
      unsafe fill(&file.digest, bytes.bytes)
    }
    return NBIOT_OK
  }
}

/// Copies bytes into a field of zero bytes that has room for them.
private func fill<Field>(_ field: UnsafeMutablePointer<Field>, _ bytes: Span<UInt8>) {
  // SAFETY: the pointer is to a field of that size, which is the caller's during the call.
  let start = unsafe UnsafeMutableRawPointer(field).assumingMemoryBound(to: UInt8.self)
  for index in 0..<min(bytes.count, MemoryLayout<Field>.size) {
    unsafe start[index] = bytes[index]
  }
}

extension DownlinkReplyError {
  /// The result in C.
  fileprivate var number: nbiot_code {
    switch self {
    case .refused(.unknown): NBIOT_UNKNOWN_REQUEST
    case .refused(.answered): NBIOT_ANSWERED
    case .refused(.late), .notSent(isOpen: false): NBIOT_LATE
    case .refused(.notAnObject), .refused(.nameTwice), .refused(.form): NBIOT_FORM
    case .refused(.capacity): NBIOT_TOO_LONG
    case .notSent(isOpen: true): NBIOT_NOT_CONNECTED
    }
  }
}

extension FirmwareDecision {
  /// The number in C.
  fileprivate var number: nbiot_firmware {
    switch self {
    case .start: NBIOT_FIRMWARE_START
    case .resume: NBIOT_FIRMWARE_RESUME
    case .alreadyRunning: NBIOT_FIRMWARE_ALREADY_RUNNING
    case .waitsForRestart: NBIOT_FIRMWARE_WAITS_FOR_RESTART
    case .alreadyInstalled: NBIOT_FIRMWARE_ALREADY_INSTALLED
    case .anotherRuns: NBIOT_FIRMWARE_ANOTHER_RUNS
    case .refuse: NBIOT_FIRMWARE_REFUSED
    }
  }
}
