// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Foundation
internal import PayloadCoding

/// The measurements that this machine provides, read again each time.
struct Readings: Sendable {
  /// A number in fixed point, as printed by the kernel.
  struct Decimal {
    let value: Int64
    let fractionDigits: Int
  }

  let load: Decimal?
  let memoryAvailableKiB: Int64?
  let uptimeSeconds: Decimal?
  let temperatureCelsius: Decimal?

  /// Reads `/proc` and, if there is a sensor, `/sys/class/thermal`.
  static func take() -> Readings {
    Readings(
      load: words("/proc/loadavg").first.flatMap(decimal),
      memoryAvailableKiB: memoryAvailable(),
      uptimeSeconds: words("/proc/uptime").first.flatMap(decimal),
      temperatureCelsius: temperature()
    )
  }

  /// The readings as a JSON object, without unavailable ones.
  func json() -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 256)
    var json = JSONWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try json.beginObject()
      if let load {
        try json.key("load")
        try json.decimal(load.value, fractionDigits: load.fractionDigits)
      }
      if let memoryAvailableKiB {
        try json.key("memoryAvailableKiB")
        try json.integer(memoryAvailableKiB)
      }
      if let uptimeSeconds {
        try json.key("uptimeSeconds")
        try json.decimal(uptimeSeconds.value, fractionDigits: uptimeSeconds.fractionDigits)
      }
      if let temperatureCelsius {
        try json.key("temperatureCelsius")
        try json.decimal(
          temperatureCelsius.value,
          fractionDigits: temperatureCelsius.fractionDigits
        )
      }
      try json.endObject()
    } catch {
      preconditionFailure("four numbers of at most 20 digits fit 256 bytes")
    }
    let count = json.count
    return Array(buffer[..<count])
  }

  private static func words(_ path: String) -> [Substring] {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
    return text.split(whereSeparator: \.isWhitespace)
  }

  private static func memoryAvailable() -> Int64? {
    let words = words("/proc/meminfo")
    guard let index = words.firstIndex(of: "MemAvailable:"), index + 1 < words.count else {
      return nil
    }
    return Int64(words[index + 1])
  }

  /// The first zone's temperature; the kernel counts thousandths of a degree, and a tenth is
  /// sufficient.
  private static func temperature() -> Decimal? {
    guard let value = words("/sys/class/thermal/thermal_zone0/temp").first.flatMap({ Int64($0) })
    else { return nil }
    return Decimal(value: value / 100, fractionDigits: 1)
  }

  private static func decimal(_ text: Substring) -> Decimal? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let fraction = parts.count > 1 ? parts[1] : ""
    guard parts.count <= 2, fraction.count <= 6, let value = Int64(parts[0] + fraction) else {
      return nil
    }
    return Decimal(value: value, fractionDigits: fraction.count)
  }
}
