// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ArgumentParser
internal import CoAPLink
internal import DeviceClient
internal import FoundationEssentials
internal import GatewaySessions

/// A sub-device as an argument or a line has it: `PRODUCTKEY,DEVICENAME[,SECRETFILE]`.
struct SubDeviceArgument: ExpressibleByArgument {
  let productKey: String
  let deviceName: String
  /// The file with its secret; `nil` where none is named.
  var secretFile: String?

  var path: String { "\(productKey)/\(deviceName)" }

  init?(argument: String) {
    let parts = argument.split(separator: ",", maxSplits: 2, omittingEmptySubsequences: false)
      .map { InputText.trimmed(String($0)) }
    guard parts.count >= 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    guard parts.count < 3 || !parts[2].isEmpty else { return nil }
    (productKey, deviceName) = (parts[0], parts[1])
    secretFile = parts.count > 2 ? parts[2] : nil
  }

  /// Its secret; `nil` where the file is not there.
  func secretIfThere() throws -> [UInt8]? {
    guard let secretFile else { return nil }
    guard FileManager.default.fileExists(atPath: secretFile) else { return nil }
    return try Secret.read(secretFile)
  }

  /// Its secret, which must be there.
  func secret() throws -> [UInt8] {
    guard let secretFile else {
      throw Complaint(
        "\(path): no file with its secret: give \(productKey),\(deviceName),FILE; nbiot gateway add makes one",
        .usage
      )
    }
    return try Secret.read(secretFile)
  }

  /// The sub-devices in a file, one a line, or in a directory, in files PRODUCTKEY,DEVICENAME that hold a secret each.
  static func read(_ path: String) throws -> [SubDeviceArgument] {
    var isDirectory = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory {
      return try directory(path)
    }
    let text = String(decoding: try InputText.read(path), as: UTF8.self)
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    var devices: [SubDeviceArgument] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let line = InputText.trimmed(String(line))
      guard !line.isEmpty, !line.hasPrefix("#") else { continue }
      guard var device = SubDeviceArgument(argument: line) else {
        throw Complaint(
          "\(path), line \(index + 1): a sub-device is PRODUCTKEY,DEVICENAME,SECRETFILE",
          .usage
        )
      }
      // Beside the list, wherever the program was started; under the names where no file is given.
      let file = device.secretFile ?? "\(device.productKey),\(device.deviceName)"
      device.secretFile = URL(fileURLWithPath: file, relativeTo: folder).path
      devices.append(device)
    }
    guard !devices.isEmpty else {
      throw Complaint(
        "\(path) names no sub-device: PRODUCTKEY,DEVICENAME,SECRETFILE a line",
        .usage
      )
    }
    return devices
  }

  private static func directory(_ path: String) throws -> [SubDeviceArgument] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw Complaint("the directory \(path) cannot be read: check its permissions", .usage)
    }
    let devices = names.compactMap { name -> SubDeviceArgument? in
      // Hidden files and what an editor leaves are nobody's.
      guard !name.hasPrefix("."), !name.hasSuffix("~"),
        var device = SubDeviceArgument(argument: name), device.secretFile == nil
      else { return nil }
      device.secretFile = "\(path)/\(name)"
      return device
    }
    guard !devices.isEmpty else {
      throw Complaint(
        "the directory \(path) has no file PRODUCTKEY,DEVICENAME with a sub-device's secret",
        .usage
      )
    }
    return devices
  }
}

/// `--sub-sign-method`.
enum SubDeviceSignArgument: String, ExpressibleByArgument, CaseIterable {
  case hmacmd5, hmacsha1, hmacsha256, sha256

  var method: SubDeviceSignMethod {
    switch self {
    case .hmacmd5: .hmacMD5
    case .hmacsha1: .hmacSHA1
    case .hmacsha256: .hmacSHA256
    case .sha256: .sha256
    }
  }
}

/// What all commands of a gateway over MQTT have.
struct GatewayOptions: ParsableArguments {
  @OptionGroup var device: MQTTDeviceOptions

  @Option(
    name: .customLong("sub-sign-method"),
    help:
      "What sub-devices sign with: hmacmd5, hmacsha1, hmacsha256 or sha256 (default: hmacsha256)."
  )
  var signMethod = SubDeviceSignArgument.hmacsha256

  /// Runs `body` with a gateway that is connected, or, where `needsConnection` is false, that will be.
  func withGateway<Result>(
    _ settings: GatewayClientSettings = GatewayClientSettings(),
    needsConnection: Bool = true,
    _ adjust: @escaping (inout MQTTClientSettings) -> Void = { _ in },
    _ body: (Gateway) async throws -> Result
  ) async throws -> Result {
    let gateway = try device.makeGateway(settings) {
      $0.kinds = .gateway
      $0.reportsInFlight = 16
      adjust(&$0)
    }
    do {
      do {
        try await gateway.client.connect()
      } catch let failure as DeviceClientError {
        guard !needsConnection, failure.status(hasAnswered: false) == .unreachable else {
          throw failure
        }
        Console.complain("nbiot: \(failure.explanation)")
      }
      let result = try await body(gateway)
      await gateway.close()
      return result
    } catch {
      let hasAnswered = gateway.client.counters.roundTrips > 0
      await gateway.close()
      switch error {
      case let failure as DeviceClientError:
        throw Complaint(failure.explanation, failure.status(hasAnswered: hasAnswered))
      case let failure as GatewayError: throw Complaint(failure.description, .undelivered)
      default: throw error
      }
    }
  }

  /// Takes a sub-device with its secret.
  func add(_ argument: SubDeviceArgument, to gateway: Gateway) throws -> SubDevice {
    var secret = try argument.secret()
    defer { Secret.erase(&secret) }
    do throws(GatewayError) {
      return try gateway.add(
        productKey: argument.productKey,
        deviceName: argument.deviceName,
        secret: secret,
        signMethod: signMethod.method
      )
    } catch {
      throw Complaint("\(argument.path): \(error)", .usage)
    }
  }
}
