// SPDX-License-Identifier: Apache-2.0
internal import EnergyEstimate
internal import FoundationEssentials
internal import Glibc
internal import PayloadValues
internal import PlatformBroker
internal import RadioModel

/// Estimates as a picture: matplotlib draws it, in a Python of the machine's.
struct EstimatePlot {
  let model: RadioModel
  let battery: Battery
  /// The longest life first.
  let results: [ReportEstimate]

  /// The endings of a file's name that say its format.
  static let endings = ["svg", "png"]

  /// Draws into a file; nothing is left of it where that fails.
  func draw(_ path: String) throws {
    let input = json.encoded(.json)
    // Debian's package belongs to Debian's Python, which may be another than the first in PATH.
    for python in [["/usr/bin/python3"], ["/usr/bin/env", "python3"]] {
      switch Self.run(python + ["-I", "-c", Self.script, path], input) {
      case .done: return
      case .missing: continue
      case .failed(let reason):
        throw Complaint("--plot \(path): the picture cannot be made: \(reason)")
      }
    }
    throw Complaint(
      "--plot needs Python's matplotlib, which is not there: apt-get install python3-matplotlib"
    )
  }

  private enum Ending {
    case done, missing
    case failed(String)
  }

  private static func run(_ command: [String], _ input: [UInt8]) -> Ending {
    var ends: [Int32] = [-1, -1]
    // SAFETY: writes two descriptors.
    guard unsafe pipe(&ends) == 0 else { return .failed(PrivateFile.text(errno)) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let process = try? ChildProcess(
      command[0],
      Array(command.dropFirst()),
      reading: .standardError,
      input: ends[0],
      environment: ProcessInfo.processInfo.environment.map { "\($0)=\($1)" }
    )
    close(ends[0])
    guard let process else {
      close(ends[1])
      return .missing
    }
    // A Python without matplotlib ends before it has read everything: that is an error of the write, not a signal.
    _ = signal(SIGPIPE, SIG_IGN)
    try? Descriptor.write(input, to: ends[1])
    close(ends[1])
    let (said, ending) = process.finish()
    switch ending {
    case .status(0): return .done
    // 3 is the script's own, 127 that of env.
    case .status(3), .status(127): return .missing
    case .status(let number), .signal(let number):
      let lines = String(decoding: said, as: UTF8.self).split(separator: "\n")
      return .failed(lines.last.map(String.init) ?? "status \(number)")
    }
  }

  /// What the script draws.
  var json: PayloadValue {
    typealias Member = PayloadValue.Member
    let causes = EnergyCause.all.filter { cause in
      results.contains { $0.account.energy(cause) > 0 }
    }
    let bars = causes.map { cause in
      PayloadValue.object([
        Member("name", .text(cause.name)),
        Member(
          "values",
          .array(
            results.map { .double($0.account.energy(cause) / Double(max(1, $0.reports))) }
          )
        ),
      ])
    }
    let isModem = results.first?.plan.habits.scope != .device
    return .object([
      Member("scope", .text(isModem ? "the modem alone" : "the whole device")),
      Member(
        "battery",
        .text(
          "\(EstimatePage.number(battery.charge)) Ah at \(EstimatePage.number(battery.voltage)) V"
        )
      ),
      Member("interval", .double((results.first?.plan.interval ?? 0) / 3_600_000)),
      Member("labels", .array(results.map { .text(Self.label($0.plan)) })),
      Member("bars", .array(bars)),
      Member(
        "life",
        .array(selection.filter { $0.plan.interval >= $0.settledInterval(model) }.map(life))
      ),
      Member("event", .array(selection.filter { !$0.event.isEmpty }.prefix(2).map(event))),
    ])
  }

  static func label(_ plan: ReportPlan) -> String {
    "\(EstimatePage.combination(plan)), class \(plan.habits.coverage)"
  }

  /// The best result of each transport and security, four at most: more lines cannot be told apart.
  private var selection: [ReportEstimate] {
    var taken: Set<String> = []
    return results.filter { result in
      let plan = result.plan
      let kind = plan.peer ?? "\(plan.transport.rawValue) \(plan.security.rawValue)"
      return taken.count < 4 && taken.insert(kind).inserted
    }
  }

  /// Years over the interval, up to a day, from that at which the energy of a report is that of the estimate's own
  /// interval, or from a minute.
  private func life(_ result: ReportEstimate) -> PayloadValue {
    let spread = model.spread(result.plan.habits.coverage)
    let settled = result.settledInterval(model) / 3_600_000
    let hours = (0...48).map { pow(1_440, Double($0) / 48) / 60 }.filter { $0 >= settled }
    func years(_ ratio: Double) -> PayloadValue {
      .array(
        hours.map {
          .double(
            battery.years(at: result.energyPerReport * ratio / ($0 * 3_600) + result.idlePower)
          )
        }
      )
    }
    typealias Member = PayloadValue.Member
    return .object([
      Member("label", .text(Self.label(result.plan))),
      Member("hours", .array(hours.map { .double($0) })),
      Member("years", years(1)), Member("low", years(spread.upperQuartile)),
      Member("high", years(spread.lowerQuartile)),
    ])
  }

  /// Current over time of one report, as steps, from its wake-up; its tail is that of the report before it, which is
  /// when the meter counts it.
  private func event(_ result: ReportEstimate) -> PayloadValue {
    let voltage = model.powers(result.plan.habits.scope).voltage
    let wakeUp = result.event.firstIndex { $0.cause == .wakeUp } ?? 0
    let spans =
      result.event[wakeUp...].filter { $0.cause != .sleep && $0.cause != .idle }
      + result.event[..<wakeUp].filter { $0.cause == .tail }
    var time = 0.0
    var (seconds, current): ([PayloadValue], [PayloadValue]) = ([], [])
    for span in spans.prefix(20_000) {
      seconds.append(.double(time / 1_000))
      current.append(.double(span.power / voltage * 1_000))
      time += span.duration
    }
    seconds.append(.double(time / 1_000))
    current.append(.double(0))
    return .object([
      PayloadValue.Member("label", .text(Self.label(result.plan))),
      PayloadValue.Member("seconds", .array(seconds)),
      PayloadValue.Member("current", .array(current)),
    ])
  }

  /// Reads the object above from standard input.
  ///
  /// The picture is 800 pixels wide; causes are told apart by grey and hatching, lines by
  /// dashes, so that no colour is needed.
  private static let script = """
    from json import load
    from os import remove, replace
    from sys import argv, exit, stdin
    try:
        from matplotlib import ticker, use
        use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        exit(3)
    data, path = load(stdin), argv[1]
    plt.rcParams.update({"font.size": 10, "svg.hashsalt": "nbiot", "hatch.linewidth": 0.6})
    count = len(data["labels"])
    labels = [label.replace("; ", ";\\n") for label in data["labels"]]
    rest = 2 if data["event"] else 1
    heights = [1.4 + 0.24 * count + 0.12 * sum("\\n" in label for label in labels), 3.4 * rest]
    figure = plt.figure(figsize=(8, sum(heights)), dpi=100, layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=heights)
    bars, axes = upper.subplots(), lower.subplots(rest, 1, squeeze=False)
    life = axes[0][0]
    hatches = ["", "////", "....", "xxxx", "", "----", "\\\\\\\\\\\\\\\\", "||||", "", "ooo", "+++", "**"]
    greys = ["0.15", "1", "0.95", "0.8", "0.45", "1", "0.85", "0.95", "0.7", "1", "0.9", "1"]
    left = [0.0] * count
    for index, cause in enumerate(data["bars"]):
        bars.barh(range(count), cause["values"], left=left, label=cause["name"], height=0.75, edgecolor="black",
                  linewidth=0.6, color=greys[index % 12], hatch=hatches[index % 12])
        left = [a + b for a, b in zip(left, cause["values"])]
    bars.set_yticks(range(count), labels, fontsize=8)
    bars.set_ylim(count - 0.4, -0.6)
    bars.set_xlabel("energy a report (J), " + data["scope"])
    upper.legend(fontsize=8, ncols=6, loc="upper center", handlelength=2.2, columnspacing=1.2)
    bars.set_title(" \\n ", fontsize=13)
    dashes = ["-", "--", "-.", ":"]
    for index, line in enumerate(data["life"]):
        life.plot(line["hours"], line["years"], dashes[index % 4], color="black", linewidth=1.4, label=line["label"])
        if index == 0:
            life.fill_between(line["hours"], line["low"], line["high"], color="0.88", linewidth=0,
                              label="half of the published measurements, for the solid line")
    life.axvline(data["interval"], color="0.5", linewidth=0.8)
    life.set_xscale("log")
    life.set_yscale("log")
    ticks = [(1 / 60, "1 min"), (5 / 60, "5 min"), (0.25, "15 min"), (1, "1 h"), (4, "4 h"), (24, "1 d")]
    life.set_xticks([tick for tick, _ in ticks], [name for _, name in ticks])
    life.minorticks_off()
    life.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    life.set_xlabel("interval between reports")
    life.set_ylabel("life (years) of " + data["battery"], fontsize=9)
    life.grid(True, color="0.85", linewidth=0.6)
    if data["life"]:
        life.legend(fontsize=8)
    else:
        life.text(0.5, 0.5, "reports are too close together to tell\\nwhat another interval would cost",
                  transform=life.transAxes, ha="center", va="center", fontsize=9)
    if data["event"]:
        event = axes[1][0]
        # The first filled, the second as a line over it.
        if len(data["event"]) > 1:
            first = data["event"].pop(0)
            event.fill_between(first["seconds"], first["current"], step="post", color="0.75", linewidth=0,
                               label=first["label"])
        for index, line in enumerate(data["event"]):
            event.step(line["seconds"], line["current"], dashes[index % 4], where="post", color="black",
                       linewidth=1.1, label=line["label"])
        event.set_xlabel("time since the wake-up (s)")
        event.set_ylabel("current (mA)")
        # Room for the names above the peaks.
        event.set_ylim(0, 1.35 * event.get_ylim()[1])
        event.grid(True, color="0.85", linewidth=0.6)
        event.legend(fontsize=8, loc="upper right", framealpha=1)
    part = path + ".part"
    try:
        figure.savefig(part, format=path.rsplit(".", 1)[1], metadata={"Date": None} if path.endswith("svg") else None)
        replace(part, path)
    except OSError as error:
        try:
            remove(part)
        except OSError:
            pass
        exit(f"{error.strerror}: {path}")
    """
}
