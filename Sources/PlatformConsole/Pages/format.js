// SPDX-License-Identifier: Apache-2.0
// Small things that all parts of the page use. Text from the network goes into the page by textContent alone.

/** Makes an element; `attributes` with a function are listeners. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A length of time in milliseconds. */
export function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function bytes(count) {
  if (count < 10000) return `${count} B`;
  if (count < 10000000) return `${(count / 1000).toFixed(0)} kB`;
  return `${(count / 1000000).toFixed(0)} MB`;
}

/** A number with as many digits as it needs. */
export function number(value) {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

/** The points of a chart's line in a box. */
export function points(values, width, height) {
  if (values.length === 0) return "";
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const step = values.length > 1 ? (width - 4) / (values.length - 1) : 0;
  return values
    .map((value, index) => `${(2 + index * step).toFixed(1)},${(height - 3 - ((value - low) / span) * (height - 6)).toFixed(1)}`)
    .join(" ");
}

const space = "http://www.w3.org/2000/svg";

/** A chart of values, as an SVG of one line and its last point. */
export function chart(width, height) {
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "polyline");
  const end = document.createElementNS(space, "circle");
  end.setAttribute("r", "2");
  svg.append(line, end);
  let shown = "";
  return {
    svg,
    show(values) {
      const text = points(values, width, height);
      if (text === shown) return;
      shown = text;
      line.setAttribute("points", text);
      const last = text.slice(text.lastIndexOf(" ") + 1).split(",");
      end.setAttribute("cx", last[0] || "-9");
      end.setAttribute("cy", last[1] || "-9");
    },
  };
}

/** Sends JSON, or fetches it. */
export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(path, options);
  if (response.status === 401) location.reload();
  const type = response.headers.get("Content-Type") || "";
  if (type.startsWith("application/json")) return await response.json();
  throw new Error((await response.text()).trim());
}

/** The address of a device's page, and of what the server knows of it. */
export function address(path) {
  return path === "" ? "-" : path.split("/").map(encodeURIComponent).join("/");
}
