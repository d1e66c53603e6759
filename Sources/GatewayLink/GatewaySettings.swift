// SPDX-License-Identifier: Apache-2.0
public import Alink
public import GatewaySessions

/// How a gateway talks for its sub-devices.
public struct GatewaySettings: Sendable {
  /// Whether there can be sub-devices at all; without it the link is its device's alone.
  public var servesSubDevices = true
  /// How they log in.
  public var sessions = SubDeviceSettings()
  /// What a sub-device is subscribed to when it has logged in, by one packet.
  public var downlinks = GatewaySettings.standardDownlinks
  /// Whether a sub-device is subscribed to the replies to its reports of properties and events.
  ///
  /// It costs a filter more in that packet, and a message for each report. Where the link reads replies
  /// (`MQTTLinkSettings.readsReplies`) they end the reports in place of PUBACKs; else they are its owner's.
  public var readsReplies = false
  /// Whether a sub-device logs in only once a report of it waits, and is tried once, for a program that ends as soon as
  /// nothing more can be sent.
  ///
  /// One that is refused, thrown out or cut off is not wanted any more; `GatewayLink.awaitsLogins` says when none is
  /// left to wait for.
  public var isForOnce = false

  /// The guide's limits.
  public init() {}

  /// What device guide 6.5 and 6.8 have for a sub-device: properties set and asked for, services, bytes, and that it is
  /// disabled, enabled or deleted.
  public static var standardDownlinks: DownlinkKinds {
    var kinds = DownlinkKinds()
    kinds.insert(.propertySet)
    kinds.insert(.propertyGet)
    kinds.insert(.service)
    kinds.insert(.rawDown)
    kinds.insert(.disable)
    kinds.insert(.enable)
    kinds.insert(.delete)
    return kinds
  }
}

/// What happened to a gateway's sub-device.
public enum GatewayEvent: Equatable, Sendable {
  /// Its session.
  case session(SubDeviceEvent)
  /// Its subscriptions are granted.
  case listening(Int)
  /// The platform does not send all that was asked for, or has not answered: its reports go out all the same.
  case deaf(Int)
}
