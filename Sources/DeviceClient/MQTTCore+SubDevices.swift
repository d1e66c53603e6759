// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DurableReports
internal import GatewayLink
internal import GatewaySessions
internal import MQTTLink
internal import SystemClocks

/// A caller that waits for a sub-device's login or logout.
struct SessionWaiter {
  let id: UInt64
  let number: Int
  let isOnline: Bool
  let continuation: CheckedContinuation<Void, any Error>
}

/// The sub-devices of a gateway.
extension MQTTCore {
  /// Waits until a sub-device is online, or offline.
  func waitForSubDevice(
    _ number: Int,
    _ id: UInt64,
    isOnline: Bool,
    _ continuation: CheckedContinuation<Void, any Error>
  ) {
    update { state, completions in
      if let error = state.callers.refusal(of: id) {
        return completions.actions.append { continuation.resume(throwing: error) }
      }
      // One whose login is under way may yet be online.
      if isOnline
        ? state.link.sessions.isOnline(number) : state.link.sessions.isOffline(number)
      {
        return completions.actions.append { continuation.resume() }
      }
      state.sessionWaiters.append(
        SessionWaiter(id: id, number: number, isOnline: isOnline, continuation: continuation)
      )
      // Refused before anybody waited: the event has passed.
      if isOnline, !state.link.sessions.isExpected(number) {
        state.endSubDevice(number, .refused(.loggedOut), &completions)
      }
    }
  }

  /// Takes in what the link has told.
  func pollLink(_ state: inout State, _ completions: inout Completions, at now: Instant) {
    if state.isGateway { state.link.setClock(WallClock.milliseconds(), at: now) }
    if state.isDurable {
      let date = WallClock.now()
      state.reports.handleTimeout(at: now)
      while let event = state.reports.pollEvent(at: now, date: date) {
        takeObserved(&state, &completions, at: now)
        handle(event, &state, &completions, at: now)
      }
      takeObserved(&state, &completions, at: now)
    } else {
      state.link.handleTimeout(at: now)
      while let event = state.link.pollEvent() {
        let (id, ending) = (state.link.endedID, state.link.ending)
        handle(event, id, ending, &state, &completions, at: now)
      }
    }
    while let event = state.link.pollGatewayEvent() { handle(event, &state, &completions) }
  }

  private func takeObserved(
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) {
    for seen in state.link.takeObserved() {
      handle(seen.event, seen.id, seen.ending, &state, &completions, at: now)
    }
  }

  private func handle(
    _ event: DurableEvent,
    _ state: inout State,
    _ completions: inout Completions,
    at now: Instant
  ) {
    switch event {
    // What waited for the connection need wait no longer.
    case .authenticated: state.reports.moveOn()
    case .authenticationFailed: break
    case .downlink: takeMessage(&state, &completions, at: now)
    case .delivered(let id): tell(id, .delivered, &completions)
    case .rejected(let id): tell(id, .rejected, &completions)
    case .postponed(let id): tell(id, .postponed, &completions)
    case .givenUp(let id, let reason): tell(id, .givenUp(reason), &completions)
    case .expired(let id): tell(id, .expired, &completions)
    case .dropped(let id), .superseded(let id): tell(id, .dropped, &completions)
    case .storeFailed: break
    }
  }

  private func tell(_ id: UInt64, _ ending: KeptReportEnding, _ completions: inout Completions) {
    guard let onReport = gateway?.onReport else { return }
    completions.actions.append { onReport(id, ending) }
  }

  private func handle(
    _ event: GatewayEvent,
    _ state: inout State,
    _ completions: inout Completions
  ) {
    // First, so that those who wait for it find it told of when they go on.
    if let onEvent = gateway?.onEvent { completions.actions.append { onEvent(event) } }
    switch event {
    case .session(.online(let number)):
      state.endWaiters(of: number, isOnline: true, .success(()), &completions)
    case .session(.refused(let number, let reason, let retry)):
      // A login without success that nobody wants any more.
      state.endWaiters(of: number, isOnline: false, .success(()), &completions)
      if retry == nil { state.endSubDevice(number, .refused(reason), &completions) }
    case .session(.offline(let number, let reason, let retry)):
      state.endWaiters(of: number, isOnline: false, .success(()), &completions)
      if retry == nil, reason != .disconnected, reason != .loggedOut {
        state.endSubDevice(number, .refused(reason), &completions)
      }
    case .session, .listening, .deaf: break
    }
  }
}

extension MQTTCore.State {
  /// Ends the wait of those that want a sub-device to be online, or offline.
  mutating func endWaiters(
    of number: Int,
    isOnline: Bool,
    _ result: Result<Void, any Error>,
    _ completions: inout Completions
  ) {
    for waiter in sessionWaiters where waiter.number == number && waiter.isOnline == isOnline {
      completions.actions.append { waiter.continuation.resume(with: result) }
    }
    sessionWaiters.removeAll { $0.number == number && $0.isOnline == isOnline }
  }

  /// Ends the wait for a sub-device that will not be online.
  mutating func endSubDevice(
    _ number: Int,
    _ error: GatewayError,
    _ completions: inout Completions
  ) {
    endWaiters(of: number, isOnline: true, .failure(error), &completions)
  }

  /// Ends the wait for all sub-devices.
  mutating func endSessions(_ error: any Error, _ completions: inout Completions) {
    for waiter in sessionWaiters {
      completions.actions.append { waiter.continuation.resume(throwing: error) }
    }
    sessionWaiters.removeAll()
    for listener in listeners.values { completions.actions.append { listener.finish() } }
    listeners.removeAll()
  }
}
