// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// What a device makes of downlinks where the guide leaves it open.
public struct DownlinkSettings: Sendable {
  /// Which kinds are taken; others are dropped.
  public var taken = DownlinkKinds.all

  /// Which kinds are answered with 200 as soon as they have been checked; they are still handed over.
  public var answeredAtOnce = DownlinkKinds.commands

  /// How long whoever a request was handed over to has for the answer; then it is answered with 400.
  ///
  /// The guide names no time.
  public var timeToAnswer = Milliseconds(30_000)

  /// How long a synchronous call may take on the device; an answer after that is not sent.
  ///
  /// Unverified: the platform is said to wait 5 s, of which both ways over the network take their part.
  public var timeForSynchronousCalls = Milliseconds(4_000)

  /// How long a request that was answered is remembered, so that a repetition is not handed over; as long as its
  /// place in the table is not needed.
  public var memory = Milliseconds(3_600_000)

  /// The longest message of the thing model that is checked, in bytes; a longer one is answered with 460.
  ///
  /// The search for names that come twice takes time in the order of the square.
  public var maxMessage = 8_192

  /// The settings named above.
  public init() {}

  /// How long a request of that kind may go unanswered.
  public func timeToAnswer(_ kind: DownlinkKind) -> Milliseconds {
    kind.isSynchronous ? timeForSynchronousCalls : timeToAnswer
  }
}
