// SPDX-License-Identifier: Apache-2.0
// What changes comes as events; the address after # says which page is shown.
import { List } from "./list.js";
import { DevicePage } from "./device.js";
import { FaultsPage } from "./faults.js";
import { address, ask } from "./format.js";

/** A device, as a row of /events has it. */
export class Device {
  constructor(row) { this.take(row); }

  take(row) {
    [this.index, this.path, this.state, this.seen, this.report, this.interval, this.reports, this.again, this.trips,
      this.up, this.down, this.refusals, this.transport, this.label, this.values, this.received] = row;
    this.key = this.path.toLowerCase();
  }

  get name() { return this.path.slice(this.path.indexOf("/") + 1); }

  /** How many reports are missing; the platform was started at `start`, and no more are made after `end`. */
  missing(now, start, isFixed, end) {
    const from = this.report > 0 ? this.report : isFixed ? start : 0;
    if (this.interval <= 0 || from <= 0) return 0;
    const due = Math.max(0, Math.floor((now - from - this.interval / 2) / this.interval));
    return end === null ? due : Math.min(due, Math.max(0, Math.floor((end - from - 1) / this.interval)));
  }
}

/** All devices, and the server's time. */
export const world = {
  devices: new Map(),
  stranger: null,
  start: 0,
  end: null,
  offset: 0,
  run: null,
  pushObstacle: null,
  isComplete: false,
  now() { return Date.now() + this.offset; },
  missing(device) { return device.missing(this.now(), this.start, this.isFixed, this.end); },
};

const list = new List(world, (device) => go(`#/device/${address(device.path)}`));
const devicePage = new DevicePage(world);
const faultsPage = new FaultsPage(world);
const places = {
  list: document.getElementById("list"),
  device: document.getElementById("device"),
  faults: document.getElementById("faults"),
};
const connection = document.getElementById("connection");

/** A part of the address; somebody may have typed it. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function show() {
  const parts = location.hash.slice(2).split("/").map(decoded);
  const page = parts[0] === "device" && parts.length > 1 ? "device" : parts[0] === "faults" ? "faults" : "list";
  document.body.dataset.page = page;
  places.device.hidden = page !== "device";
  places.faults.hidden = page !== "faults";
  for (const [id, on] of [
    ["to-list", page === "list"], ["to-faults", page === "faults"],
    ["to-strangers", page === "device" && parts[1] === "-"],
  ]) {
    if (on) document.getElementById(id).setAttribute("aria-current", "page");
    else document.getElementById(id).removeAttribute("aria-current");
  }
  if (page === "device") devicePage.open(parts[1] === "-" ? "" : parts.slice(1).join("/"));
  else devicePage.close();
  if (page === "faults") faultsPage.open();
  else faultsPage.close();
  list.select(page === "device" ? parts.slice(1).join("/") : null);
  list.layOut();
}

function take(event) {
  const data = JSON.parse(event.data);
  world.offset = data.now - Date.now();
  for (const row of data.rows) {
    if (row[0] === 0) {
      world.stranger = row;
      const link = document.getElementById("to-strangers");
      link.hidden = row[3] === 0;
      link.textContent = `Not recognised (${row[15]})`;
      if (devicePage.path === "") devicePage.changed();
      continue;
    }
    const known = world.devices.get(row[0]);
    if (known) known.take(row);
    else world.devices.set(row[0], new Device(row));
    if (row[1] === devicePage.path) devicePage.changed();
  }
  list.changed();
  confirm();
}

let events = null;
/** The number of the stream of events, and when the server was last told that it is read. */
let stream = null;
let told = 0;

/** Says that what was sent has been read: without that, another page may be given this one's place. */
function confirm() {
  if (performance.now() - told < 10000) return;
  told = performance.now();
  ask("/api/here", { stream }).catch(() => {});
}

/** A browser has six connections to a place, for all of its pages: one that nobody sees gives its own back. */
function follow() {
  if (document.hidden) {
    events?.close();
    events = null;
  } else if (!events) {
    connect();
  }
}

function connect() {
  const source = new EventSource("/events");
  events = source;
  source.addEventListener("hello", (event) => {
    const data = JSON.parse(event.data);
    stream = data.stream;
    told = performance.now();
    document.getElementById("logout").hidden = !data.hasLogin;
    world.devices.clear();
    world.offset = data.now - Date.now();
    world.start = data.start;
    world.end = data.end;
    world.isFixed = data.isFixed;
    world.pushObstacle = data.pushObstacle;
    if (world.run !== null && world.run !== data.run) devicePage.changed();
    world.run = data.run;
    const more = data.strangers > 0 ? `, ${data.strangers} more that are not followed` : "";
    connection.textContent = `live: ${data.title}${more}`;
    connection.className = "live";
    list.changed();
  });
  source.addEventListener("rows", take);
  source.addEventListener("now", (event) => {
    world.offset = JSON.parse(event.data).now - Date.now();
    confirm();
  });
  source.onerror = () => {
    if (events !== source) return;
    // A browser tries again after a lost connection, but not after a refusal, as where too many pages are open.
    const isRefused = source.readyState === EventSource.CLOSED;
    connection.textContent = isRefused
      ? "refused, as if too many pages were open; trying again…" : "the program does not answer; trying again…";
    connection.className = "lost";
    if (!isRefused) return;
    events = null;
    // Where the login has ended the answer to this leads to it.
    ask("/api/faults").catch(() => {});
    setTimeout(follow, 5000);
  };
}

/** Shows a page at once: the browser tells of a new address only later, maybe after the next key. */
function go(hash) {
  if (location.hash === hash) return;
  location.hash = hash;
  show();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const isTyping = ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName);
  if (event.key === "Escape") {
    if (document.body.dataset.page !== "list") {
      // The next key is none that is typed into a field, however soon it comes.
      document.activeElement?.blur();
      go("#/");
      list.focus();
    } else if (event.target.id === "search") {
      list.search("");
      list.focus();
    }
    return;
  }
  if (isTyping) return;
  if (event.key === "/") {
    event.preventDefault();
    if (document.body.dataset.page !== "list") go("#/");
    document.getElementById("search").focus();
  } else if (event.key === "f") {
    go("#/faults");
  }
});
document.getElementById("logout").addEventListener("click", async () => {
  events?.close();
  await ask("/logout", {}).catch(() => {});
  location.assign("/");
});
window.addEventListener("hashchange", show);
document.addEventListener("visibilitychange", follow);
show();
follow();
