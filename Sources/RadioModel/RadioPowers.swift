// SPDX-License-Identifier: Apache-2.0
/// The powers of a modem alone or of a whole device, which never mix; `RadioConstant.all` has sources, ranges, units.
public struct RadioPowers: Equatable, Sendable {
  /// Whose power is meant.
  public enum Scope: String, Sendable, CaseIterable {
    /// The modem alone: neither sensor nor controller.
    case modem
    /// The whole of a measured device.
    case device
  }

  /// While a block is sent, in watts.
  public var transmitting: Double
  /// Connected and not sending, in watts: the receiver follows the control channel.
  public var connected: Double
  /// Idle between pagings without eDRX, in watts, on average.
  public var paging: Double
  /// Idle with eDRX outside of the paging time window, in watts.
  public var extendedPaging: Double
  /// Asleep in PSM, in watts.
  public var sleeping: Double
  /// What it takes to switch the modem off and on again and to attach, in joules.
  public var attaching: Double
  /// The voltage that a current is said for.
  public var voltage: Double
}
