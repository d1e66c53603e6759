// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding
public import Platform

extension AlinkRequest where Kind: FirmwareVersionKind, Writer: ~Copyable & ~Escapable {
  /// Sets the version that the device runs.
  public mutating func version(_ version: Span<UInt8>) throws(AlinkError) {
    guard version.count >= 1, version.count <= 128 else { throw .version }
    count += 1
    do throws(CapacityError) {
      try writer.key("version")
      try writer.string(version)
    } catch {
      throw .capacity
    }
  }
}

/// The progress of an upgrade (device guide 6.11).
public enum FirmwareStep: Equatable, Sendable {
  /// The percentage done, 1 to 100.
  ///
  /// 100 alone does not mean success: the platform waits for an inform with the new version.
  case percent(UInt8)
  /// The upgrade failed at this step.
  case failed(UpgradeFailure)
}

extension AlinkRequest where Kind == FirmwareProgress, Writer: ~Copyable & ~Escapable {
  /// Sets the progress; `description` is a text for people, such as the cause of a failure.
  public mutating func progress(
    _ step: FirmwareStep,
    description: Span<UInt8> = Span()
  ) throws(AlinkError) {
    if case .percent(let value) = step {
      guard value >= 1, value <= 100 else { throw .progress }
    }
    guard description.count <= 128 else { throw .version }
    count += 1
    do throws(CapacityError) {
      try writer.key("step")
      switch step {
      case .percent(let value): try writer.decimalString(UInt64(widening: value))
      case .failed(.upgrade): try writer.string("-1")
      case .failed(.download): try writer.string("-2")
      case .failed(.verification): try writer.string("-3")
      case .failed(.burning): try writer.string("-4")
      }
      try writer.key("desc")
      try writer.string(description)
    } catch {
      throw fail()
    }
  }
}
