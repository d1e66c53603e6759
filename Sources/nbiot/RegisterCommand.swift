internal import AliyunIoT
internal import ArgumentParser
internal import ConstrainedCore
internal import HTTPSTransfer
internal import OpenSSLSupport

/// Dynamic registration: a device secret for a device that knows its product's secret.
struct RegisterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "register",
    abstract: "Gets a device secret with the product secret: dynamic registration.",
    discussion: """
      Example:
        nbiot register --product-key a1B2c3D4e5F --device-name device1 \\
          --product-secret-file product.txt --secret-file secret.txt
        nbiot publish --device-secret-file secret.txt …

      The device's name must be in the console, and dynamic registration on for the product (device \
      guide 6.2). Until the device has first connected, each registration gives another secret; after \
      that the secret stays, and the device must be deleted and made anew for another one.

      The device secret goes to the file alone, readable for you only, and is never printed. The product \
      secret comes from a file or from the environment variable NBIOT_PRODUCT_SECRET.

      Exit status: 0 the secret is in the file, 1 it is not, 2 usage, 3 the platform refused or could \
      not prove itself, 4 it never answered.
      """
  )

  @OptionGroup var names: NameOptions

  @Option(help: "A file with the product secret in its first line.")
  var productSecretFile: String?

  @Option(
    help: ArgumentHelp("Where the device secret goes, with mode 600.", valueName: "file")
  )
  var secretFile: String

  @Flag(help: "Replace the secret file if it is there already.")
  var force = false

  @Option(help: "How to register.")
  var over = RegistrationTransport.https

  @Option(help: "How the request is signed.")
  var signMethod = SignMethodArgument.hmacsha256

  @Option(help: "The platform's region; the device guide knows this one only.")
  var region = "cn-shanghai"

  @Option(
    help: ArgumentHelp(
      "Where to register (default: the platform's address for the region); https only.",
      valueName: "url"
    )
  )
  var url: String?

  @OptionGroup var transfer: TransferOptions

  @Option(help: "How results are printed.")
  var output = OutputArgument.text

  func validate() throws { try SignCommand.check(region: region) }

  func run() throws {
    let identity = try names.identity(clientID: nil)
    let url = url ?? PlatformAddress.registrationURL(region: region)
    try TransferOptions.check(url: url)
    try PrivateFile.checkPlace(secretFile, "secret", replaces: force)
    var source = SystemRandom()
    let request = RegistrationRequest(identity, drawing: &source, signMethod: signMethod.method)
    let content = try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
      try request.writeSigningContent(into: &writer)
    }
    let signature = try Signature(
      content,
      signMethod.method,
      secretFile: productSecretFile,
      .product
    )
    switch over {
    case .https:
      var body = try registerOverHTTPS(request, signature, url)
      defer { Secret.erase(&body) }
      try keep(body, identity)
    }
    var lines = ResultLines()
    lines.add("registered", "deviceName", names.deviceName)
    lines.add("product", "productKey", names.productKey)
    lines.add("secret in", "secretFile", secretFile)
    lines.print(output)
  }

  /// The body of the platform's answer, which holds the secret.
  private func registerOverHTTPS(
    _ request: RegistrationRequest,
    _ signature: Signature,
    _ url: String
  ) throws -> [UInt8] {
    let form = Array(
      try Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
        try request.writeForm(signature: signature.bytes.span, into: &writer)
      }.utf8
    )
    let interruption = Interruption()
    let signals = InterruptSignal(interruption)
    let settings = try transfer.settings(interruption)
    let answer: HTTPSAnswer
    do throws(HTTPSError) {
      var connection = try HTTPSConnection(settings)
      answer = try connection.post(form: form.span, to: url, limit: 16_384)
    } catch {
      throw Complaint(error.description, error.status)
    }
    withExtendedLifetime(signals) {}
    guard answer.status == 200 else {
      throw Complaint(
        "the server answered with status \(answer.status) and not with a secret: check the address, or "
          + "try again later",
        answer.status < 500 ? .unauthenticated : .undelivered
      )
    }
    return answer.body
  }

  /// Puts the secret of an answer into the file.
  private func keep(_ body: [UInt8], _ identity: DeviceIdentity) throws {
    var secret = try Self.secret(in: body, identity)
    defer { Secret.erase(&secret) }
    // One line of a file holds it, as it will be read.
    guard secret.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Complaint("the platform gave a secret with characters that none has", .undelivered)
    }
    var line = secret + [0x0A]
    defer { Secret.erase(&line) }
    do {
      try PrivateFile.write(line, to: secretFile, replaces: force)
    } catch let complaint as Complaint {
      throw Complaint(
        "\(complaint.message). The platform has given a secret that is lost now: run it again",
        .undelivered
      )
    }
  }

  private static func secret(in body: [UInt8], _ identity: DeviceIdentity) throws -> [UInt8] {
    var answer: RegistrationAnswer
    do throws(RegistrationAnswerError) {
      answer = try RegistrationAnswer(json: body.span)
    } catch {
      throw Complaint("\(error): check the address", .undelivered)
    }
    defer { answer.withDeviceSecretStorage { wipe(&$0) } }
    guard answer.isSuccess else { throw refusal(answer) }
    guard answer.isFor(identity) else {
      throw Complaint("the answer is for another device: try again", .undelivered)
    }
    let secret = answer.deviceSecret.bytes
    return secret.indices.map { secret[$0] }
  }

  private static func refusal(_ answer: borrowing RegistrationAnswer) -> Complaint {
    let words = answer.message.bytes.indices.map { answer.message.bytes[$0] }
    let message = words.isEmpty ? "" : ", \"\(String(decoding: words, as: UTF8.self))\""
    return Complaint(
      "the platform refused the registration (code \(answer.code ?? 0)\(message)): check product key, "
        + "device name and product secret, that the device is in the console, and that dynamic "
        + "registration is on for the product",
      .unauthenticated
    )
  }
}

/// How `register` talks to the platform.
enum RegistrationTransport: String, ExpressibleByArgument, CaseIterable {
  case https
}
