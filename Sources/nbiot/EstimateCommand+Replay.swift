// SPDX-License-Identifier: Apache-2.0
internal import EnergyEstimate
internal import PacketCapture
internal import RadioModel
internal import TrafficLedger

extension EstimateCommand {
  /// What was priced, and what is odd about its file.
  struct Replayed {
    let estimate: ReportEstimate
    let remarks: [String]
  }

  /// The packets of a capture or a ledger, priced; `nil` where neither is given.
  func replay(_ model: RadioModel) throws -> Replayed? {
    guard let path = fromCapture ?? fromLedger else { return nil }
    var plan = ReportPlan(
      payload: [],
      interval: try period,
      security: .symmetric,
      habits: try habits.habits(scope.scope)
    )
    plan.peer = path
    var remarks: [String] = []
    /// Told at once, and with the result.
    func remark(_ text: String) {
      remarks.append(text)
      Console.complain("nbiot: \(text)")
    }
    if let fromLedger {
      let bytes = try DataArgument.read("--from-ledger", fromLedger, "ledger", limit: 16 << 20)
      let file: LedgerFile
      do throws(LedgerFile.Problem) {
        file = try LedgerFile(bytes)
      } catch {
        throw Complaint("--from-ledger: \(path):\(error.line): \(error.reason)")
      }
      if file.count > 1 {
        remark("the file has \(file.count) ledgers: the last one is priced")
      }
      if let told = reports ?? file.reports {
        try refuse(told, beyond: file.ledger, of: path, isGiven: reports != nil)
      }
      if let reports, let told = file.reports, reports != told {
        remark("the ledger is of \(EstimatePage.count(told, "report")), not of \(reports)")
      }
      guard let reports = reports ?? file.reports else {
        throw Complaint(
          "--from-ledger: \(path) does not say how many reports there were: give --reports"
        )
      }
      if let transport = file.transport, transport != "coap",
        file.ledger[.headers, .up].bytes == 0
      {
        remark(
          "a ledger over \(transport) has no bytes of TLS, TCP and IP: the headers are the model's for UDP, and the "
            + "estimate is too low"
        )
      }
      do throws(TrafficReplay.Failure) {
        let replay = try TrafficReplay(file.ledger, reports: reports, plan, model)
        return Replayed(estimate: replay.run(plan, model), remarks: remarks)
      } catch {
        throw Complaint("--from-ledger: \(path): \(Self.reason(error))")
      }
    }
    let capture: CaptureTraffic
    do throws(CaptureError) {
      capture = try CaptureTraffic(path: path)
    } catch {
      switch error {
      case .notOpened(let reason), .broken(let reason):
        // libpcap does not always name the file.
        let name = reason.contains(path) ? "" : "\(path): "
        throw Complaint("--from-capture: \(name)\(reason)")
      }
    }
    guard capture.packets > capture.others else {
      throw Complaint(
        "--from-capture: \(path): none of \(capture.packets) packets is to or from a port of the platform: "
          + CaptureTraffic.defaultPorts.sorted().map { "\($0)" }.joined(separator: ", ")
      )
    }
    guard capture.ledger.total(.up).datagrams > 0 else {
      throw Complaint(
        "--from-capture: \(path): no packet goes to the platform: the device has sent nothing"
      )
    }
    guard capture.span <= 10 * 365.25 * 86_400_000 else {
      throw Complaint(
        "--from-capture: \(path): its times span \(EstimatePage.number(capture.span / 31_557_600_000)) years, and 10 are the "
          + "most: is its clock right?"
      )
    }
    var replay = TrafficReplay(capture)
    if let reports {
      try refuse(reports, beyond: capture.ledger, of: path, isGiven: true)
      if capture.reports > 0, reports != capture.reports {
        remark("the capture shows \(EstimatePage.count(capture.reports, "report")), not \(reports)")
      }
      replay.reports = reports
    }
    if capture.runsBackwards {
      remark(
        "the capture's times run backwards: packets are priced in the order of the file, without those waits"
      )
    }
    if !capture.runsBackwards, let spacing = capture.spacing(of: replay.reports) {
      let apart = "the reports of the capture are \(EstimatePage.number(spacing / 1_000)) s apart"
      if spacing < plan.interval / 2 {
        remark("\(apart): those that share a wake-up are cheaper than one each \(interval)")
      } else if spacing > plan.interval * 1.1 {
        remark("\(apart), not \(interval): energy and life are those of the capture's own times")
      }
    }
    let page = LedgerPage(ledger: capture.ledger, reports: replay.reports, transport: "")
    if output.form == .text { for line in page.text { Console.complain("nbiot: \(line)") } }
    return Replayed(estimate: replay.run(plan, model), remarks: remarks)
  }

  /// Refuses more reports than there are packets which can be reports.
  private func refuse(
    _ reports: Int,
    beyond ledger: TrafficLedger,
    of path: String,
    isGiven: Bool
  ) throws {
    let known = ledger[.report, .up].datagrams
    let most = Int(clamping: known > 0 ? known : ledger.total(.up).datagrams)
    guard reports > most, most > 0, reports <= 1_000_000 else { return }
    let packets = "has only \(EstimatePage.count(most, "packet")) that can be reports"
    throw Complaint(
      isGiven
        ? "--reports \(reports): \(path) \(packets)"
        : "--from-ledger: \(path) says \(reports) reports, and \(packets)"
    )
  }

  private static func reason(_ failure: TrafficReplay.Failure) -> String {
    switch failure {
    case .reports(let number): "\(number) reports: it takes 1 to 1000000; see --reports"
    case .excessive:
      "over a hundred packets a report, a packet of over 65,535 bytes, or over 1,000,000 packets: is the number of "
        + "reports right? See --reports"
    case .empty: "the device has sent nothing"
    }
  }
}
